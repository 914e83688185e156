"""An encoder fine-tuned on each task and then evaluated on it: one run, with the averages of whole groups."""

from collections.abc import Sequence
from typing import Unpack

from platformdirs import user_cache_path

from harness import able
from harness.api.evaluation import planned_tasks, tasks_of
from harness.api.models import require_usable
from harness.api.ready import ready, told
from harness.api.recording import record
from harness.api.records import Listener, Overrides, Result, Where, heard, with_overrides
from harness.api.time_limit import within
from harness.engine.backend import Options
from harness.errors import UsageError
from harness.training.protocol import Protocol
from harness.training.tuned import FineTuned, tune
from harness.types import Settings, Task


def finetune(
    model: str,
    tasks: str | Sequence[str | Task],
    settings: Settings | None = None,
    *,
    protocol: Protocol | None = None,
    options: Options | None = None,
    where: Where | None = None,
    listener: Listener | None = None,
    **overrides: Unpack[Overrides],
) -> Result:
    """Train a head for each task on its train split, ask each head its own task, and store that as one run.

    ``Run.training`` has the scores on what was trained on and held out; heads are kept in the user's cache folder, and
    the same protocol on the same data is trained once. ``protocol`` is by default that of GLUE with the run's seed.
    Raises UsageError for a shard, DataError for a task without a train split, Unsupported for one that does not ask for
    labels, and the errors of ``evaluate``.
    """
    settings, options, where, listener = with_overrides(settings, options, where, listener, overrides)
    listener = within(heard(listener, model), where.max_minutes)
    protocol = protocol or Protocol(seed=settings.seed)
    if where.shard is not None:
        raise UsageError(f"shard {where.shard}: a run that fine-tunes its model cannot be sharded")
    if options.workers or options.ray:
        raise UsageError("fine-tuning runs in one process: drop --workers and --ray")
    # A data set that is not at hand stops here, before hours of training.
    named = tasks_of(tasks)
    require_usable(model, options, named)
    chosen, left_out = ready(named, settings, where, tasks)
    for text in told(left_out):
        listener.notice(text)
    planned = planned_tasks(chosen, settings, options, where)
    heads = {}
    for task in chosen:  # trained on their own examples, whatever else is asked
        listener.notice(f"fine-tuning {model} on {task.name}")
        heads[task.name] = tune(
            model, task, protocol, options=options, mirror=where.data, kept=user_cache_path("rai-harness") / "finetuned"
        )
    backend = FineTuned(model, heads, protocol, options)
    able.check(backend, planned)
    training = tuple(head.training for head in heads.values())
    return record(backend, planned, settings, where=where, listener=listener, training=training, left_out=left_out)
