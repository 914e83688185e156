"""One evaluation, from names to stored numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from harness import notices, plugins
from harness import run as running
from harness.answers.shard import Shard
from harness.api.models import Model, opened, require_usable
from harness.api.ready import answerable, ready, told
from harness.api.recipe import Recipe
from harness.api.recording import record
from harness.api.records import Listener, Overrides, Result, Where, heard, with_overrides
from harness.api.sharding import adopted, record_shard
from harness.api.time_limit import within
from harness.engine.backend import Options
from harness.errors import UsageError
from harness.hidden import hidden
from harness.sandbox import confined
from harness.talks import require_undivided
from harness.types import Generate, Request, Settings, Task
from harness.variants import require_changes, varied


def evaluate(
    model: Model,
    tasks: str | Sequence[str | Task],
    settings: Settings | None = None,
    *,
    options: Options | None = None,
    where: Where | None = None,
    listener: Listener | None = None,
    **overrides: Unpack[Overrides],
) -> Result:
    """Evaluate a model (its name or folder, a function from prompt to answer, a pair of transformers model and
    tokenizer, or an open ``Backend``) on tasks and store the run.

    ``overrides`` are fields of Settings, Options, Where or Listener (``limit=50``, ``device="cpu"``, ``store="runs"``).
    ``shard="3/16"`` answers only the third of sixteen parts, without numbers, until ``merge`` makes them one run.
    Raises the errors of ``harness.errors``; a run that was begun is marked failed or interrupted in the store.
    """
    settings, options, where, listener = with_overrides(settings, options, where, listener, overrides)
    title = where.name or (str(model) if isinstance(model, str | Path) else "")
    listener = within(heard(listener, title), where.max_minutes)
    chosen = tasks_of(tasks)
    if isinstance(model, str | Path):
        require_usable(str(model), options, chosen)
    if settings.scorer:  # a wrong name is told before data are fetched
        chosen = plugins.bound(chosen, settings.scorer, options)
    chosen, absent = ready(chosen, settings, where, tasks)
    planned = planned_tasks(chosen, settings, options, where)
    for text in (*told(absent), *_notices(settings, planned)):
        listener.notice(text)
    if options.workers or options.ray:
        require_undivided(planned)
    backend = opened(model, options, running.exams(planned))
    planned, unable = answerable(backend, planned, tasks)
    running.prepare(backend, planned)
    left_out = absent | unable
    for text in told(unable):
        listener.notice(text)
    for text in backend.info.notices:
        listener.notice(hidden(f"{backend.info.name}: {text}"))
    recipe = Recipe.of(str(model), options, tasks, where) if isinstance(model, str | Path) else None
    if where.shard is not None:
        return record_shard(
            backend, planned, settings, where=where, listener=listener, recipe=recipe, left_out=left_out
        )
    shards: list[Shard] = []
    if where.resume:
        backend, shards = adopted(backend, planned, settings, where=where)
        where = replace(where, cache=where.cache and not shards)
    result = record(backend, planned, settings, where=where, listener=listener, recipe=recipe, left_out=left_out)
    for shard in shards:
        shard.path.unlink(missing_ok=True)
    return result


def _notices(settings: Settings, planned: Sequence[running.Planned]) -> Iterator[str]:
    """What the user should know before anything is asked."""
    if settings.scorer and not any(p.task.scorer for p in planned):
        yield f"no task of this run scores texts: the scorer {settings.scorer} is not used"
    if settings.repeats > 1 and not any(p.task.requests == {Generate} for p in planned):
        yield f"no task of this run only writes: {settings.repeats} samples change nothing"
    if settings.top_p is not None and not any(_is_drawn(question.request) for question in running.questions(planned)):
        yield f"no answer of this run is drawn (--temperature): top_p = {settings.top_p:g} changes nothing"
    for p in planned:
        yield from notices.of_plan(p)


def _is_drawn(request: Request) -> bool:
    return isinstance(request, Generate) and request.temperature > 0


def tasks_of(wanted: str | Sequence[str | Task]) -> list[Task]:
    """The tasks themselves, and those that names, groups, patterns, tags and files stand for.

    Raises UsageError where two of them share a name, or none was named; UnknownName.
    """
    tasks = [wanted] if isinstance(wanted, str) else wanted
    chosen = [task for task in tasks if isinstance(task, Task)]
    names = [task for task in tasks if isinstance(task, str)]
    if names or not chosen:
        chosen += plugins.select(plugins.catalogue(), names)
    plugins.require_names(chosen)
    return chosen


def planned_tasks(
    tasks: Sequence[Task], settings: Settings, options: Options | None, where: Where
) -> list[running.Planned]:
    """Every request of the tasks, with their scorer or sandbox and in the variants that the settings name.

    Raises UsageError for turns without a chat.
    """
    if settings.fewshot_as_turns and not (options and options.chat):
        raise UsageError("few-shot examples as turns (--fewshot-as-turns) belong to --chat")
    bound = confined(plugins.bound(tasks, settings.scorer, options), allowed=where.allow_code_execution)
    planned = running.plan([varied(task, settings) for task in bound], settings, where.data)
    for p in planned:
        require_changes(p.task, p.alternatives)
    return planned
