"""One evaluation, from names to stored numbers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Unpack

from harness import notices, plugins
from harness import run as running
from harness.answers.shard import Shard
from harness.api.recipe import Recipe
from harness.api.recording import record
from harness.api.records import Listener, Overrides, Result, Where, with_overrides
from harness.api.sharding import adopted, record_shard
from harness.api.time_limit import within
from harness.engine.backend import Backend, Exam, Options
from harness.hidden import hidden
from harness.types import Settings, Task
from harness.variants import require_changes, varied

Opener = Callable[[Sequence[Exam]], Backend]
"""Opens a model once it is known what it will be asked."""


def evaluate(
    model: str | Backend | Opener,
    tasks: str | Sequence[str | Task],
    settings: Settings | None = None,
    *,
    options: Options | None = None,
    where: Where | None = None,
    listener: Listener | None = None,
    **overrides: Unpack[Overrides],
) -> Result:
    """Evaluate a model (its name, one that is open, or how to open it) on tasks and store the run.

    ``overrides`` are fields of Settings, Where or Listener (``limit=50``, ``shots=5``, ``store="results"``).
    ``shard="3/16"`` answers only the third of sixteen parts, without numbers, until ``merge`` makes them one run.
    Raises the errors of ``harness.errors``; a run that was begun is marked failed or interrupted in the store.
    """
    settings, where, listener = with_overrides(
        settings or Settings(), where or Where(), listener or Listener(), overrides
    )
    options = options or Options()
    listener = within(listener, where.max_minutes)
    chosen = tasks_of(tasks)
    planned = planned_tasks(chosen, settings, options, where)
    for text in _notices(settings, planned):
        listener.notice(text)
    backend = _opened(model, options, running.exams(planned))
    running.check(backend, [p.task for p in planned])
    for text in backend.info.notices:
        listener.notice(hidden(f"{backend.info.name}: {text}"))
    recipe = Recipe.of(model, options, tasks, where) if isinstance(model, str) else None
    if where.shard is not None:
        return record_shard(backend, planned, settings, where=where, listener=listener, recipe=recipe)
    shards: list[Shard] = []
    if where.resume:
        backend, shards = adopted(backend, planned, settings, where=where)
        where = replace(where, cache=where.cache and not shards)
    result = record(backend, planned, settings, where=where, listener=listener, recipe=recipe)
    for shard in shards:
        shard.path.unlink(missing_ok=True)
    return result


def _notices(settings: Settings, planned: Sequence[running.Planned]) -> Iterator[str]:
    """What the user should know before anything is asked."""
    if settings.scorer and not any(p.task.scorer for p in planned):
        yield f"no task of this run scores texts: the scorer {settings.scorer} is not used"
    for p in planned:
        yield from notices.of_plan(p)


def _opened(model: str | Backend | Opener, options: Options, exams: Sequence[Exam]) -> Backend:
    if isinstance(model, str):
        return plugins.load_model(model, options, exams)
    return model(exams) if callable(model) else model


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
    """Every request of the tasks, with their scorer and in the variants that the settings name."""
    bound = plugins.bound(tasks, settings.scorer, options)
    planned = running.plan([varied(task, settings) for task in bound], settings, where.data)
    for p in planned:
        require_changes(p.task, p.alternatives)
    return planned
