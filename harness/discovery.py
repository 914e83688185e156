"""What there is to ask for: tasks, groups, tags and metrics as records, and the first question of a task."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.data import at_hand, find, find_sides
from harness.errors import DataError, UnknownName
from harness.metrics.glossary import meaning
from harness.plugins import Catalogue, select
from harness.types import Dataset, Metric, Settings, Task


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """A task as it is listed; ``rows``: of its data, None where that is not at hand in a file."""

    task: str
    version: int
    metrics: tuple[str, ...]
    rows: int | None
    shots: int
    licence: str
    at_hand: bool
    tags: tuple[str, ...]
    groups: tuple[str, ...]
    measures: str


@dataclass(frozen=True, slots=True)
class TaskSet:
    """A group or a tag with the names of its tasks; ``average``: whether a run of all of them has one."""

    name: str
    average: bool
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetricEntry:
    """A metric as it is listed; ``low`` and ``high`` are the ends of its range, None where it has none."""

    metric: str
    better: str
    ideal: float | None
    low: float | None
    high: float | None
    interval: str
    tasks: int
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """Which tasks are listed; ``search`` is looked for in name, card, tags and metrics, in whatever case.

    ``pattern``: a name, group, or pattern of names.
    """

    tag: str | None = None
    group: str | None = None
    search: str | None = None
    at_hand: bool = False
    pattern: str | None = None


def tasks(known: Catalogue, data: Path | None, which: TaskFilter = TaskFilter()) -> list[TaskEntry]:
    """The tasks that fit every part of a filter. Raises UnknownName for a tag or group that there is not."""
    own = _groups_by_task(known)
    if which.group is not None and which.group not in known.groups:
        raise UnknownName("group", which.group, known.groups)
    if which.tag is not None and which.tag not in {tag for task in known.tasks.values() for tag in task.tags}:
        raise UnknownName("tag", which.tag, {tag for task in known.tasks.values() for tag in task.tags})
    named = known.tasks.values() if which.pattern is None else select(known, [which.pattern])
    fitting = [task for task in named if _fits(task, own.get(task.name, ()), which)]
    entries = [entry(task, own.get(task.name, ()), data) for task in fitting]
    return [one for one in entries if one.at_hand or not which.at_hand]


def entry(task: Task, groups: tuple[str, ...], data: Path | None) -> TaskEntry:
    """A task as it is listed; ``data`` is a folder of datasets."""
    return TaskEntry(
        task=task.name,
        version=task.version,
        metrics=tuple(metric.name for metric in task.metrics),
        rows=_rows(task.dataset, data),
        shots=task.shots.count,
        licence=task.card.licence,
        at_hand=all(at_hand(dataset, data) for dataset in task.dataset),
        tags=tuple(sorted(task.tags)),
        groups=groups,
        measures=task.card.measures,
    )


def groups(known: Catalogue) -> list[TaskSet]:
    """Every group with its tasks."""
    return [TaskSet(name, name in known.averages, _members(known, name)) for name in known.groups]


def tags(known: Catalogue) -> list[TaskSet]:
    """Every tag with its tasks."""
    names = sorted({tag for task in known.tasks.values() for tag in task.tags})
    return [
        TaskSet(name, average=False, tasks=tuple(t.name for t in known.tasks.values() if name in t.tags))
        for name in names
    ]


def metrics(known: Catalogue, offered: dict[str, Metric]) -> list[MetricEntry]:
    """The metrics of all tasks and those that plug-ins offer, by name."""
    used: dict[str, int] = {}
    by_name: dict[str, Metric] = {}
    for task in known.tasks.values():
        for metric in task.metrics:
            by_name.setdefault(metric.name, metric)
            used[metric.name] = used.get(metric.name, 0) + 1
    by_name |= offered
    return [_metric_entry(metric, used.get(name, 0), name) for name, metric in sorted(by_name.items())]


def first_question(task: Task, data: Path | None) -> str:
    """The text of the first request of a task, with its few-shot examples and, where there are any, the choices.

    Raises DataError for data that is not at hand.
    """
    from harness.run import plan

    [planned] = plan([task], Settings(limit=1), data)
    request = planned.requests[0][0]
    text = str(getattr(request, "prompt", "") or getattr(request, "context", "") + getattr(request, "text", ""))
    choices = "".join(f"\n  [{place}] {choice!r}" for place, choice in enumerate(getattr(request, "choices", ())))
    return text + choices


@cache
def count_rows(path: Path) -> int:
    """Rows of a JSONL or Parquet file, without reading what is in them."""
    if path.suffix == ".parquet":
        from pyarrow.parquet import read_metadata

        return int(read_metadata(path).num_rows)
    return sum(bool(line.strip()) for line in path.read_bytes().split(b"\n"))


def _rows(datasets: Sequence[Dataset], place: Path | None) -> int | None:
    """How many rows the datasets have here; None where they are not in a file at hand."""
    try:
        files = [find(d, place) or next(iter(find_sides(d, place)), None) for d in datasets]
    except DataError:
        return None
    return sum(count_rows(path) for path in files if path) if all(files) else None


def _fits(task: Task, groups: Sequence[str], which: TaskFilter) -> bool:
    checks: list[Callable[[], bool]] = [
        lambda: which.tag is None or which.tag in task.tags,
        lambda: which.group is None or which.group in groups,
        lambda: which.search is None or which.search.casefold() in _searched(task),
    ]
    return all(check() for check in checks)


def _searched(task: Task) -> str:
    card = task.card
    names = [*task.tags, *(metric.name for metric in task.metrics)]
    return " ".join([task.name, card.measures, card.limits, card.source, *names]).casefold()


def _members(catalogue: Catalogue, group: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(task.name for task in select(catalogue, [group])))


def _groups_by_task(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    own: dict[str, tuple[str, ...]] = {}
    for group in groups(catalogue):
        for name in group.tasks:
            own[name] = (*own.get(name, ()), group.name)
    return own


def _metric_entry(metric: Metric, used: int, name: str) -> MetricEntry:
    low, high = (end if math.isfinite(end) else None for end in metric.bounds)
    return MetricEntry(name, metric.better, metric.ideal, low, high, metric.interval, used, meaning(name, metric))
