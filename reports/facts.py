"""What every report tells of a run, gathered once: numbers with all that is needed to trust them, and limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from harness import plugins
from harness.differences import Difference, compare, corrected
from harness.errors import HarnessError, UnknownName, UsageError
from harness.marks import MARKS
from harness.metrics.ideals import against, side_of
from harness.store import Store
from harness.subset import shortfall
from harness.types import Estimate, Metric, MetricRecord, Run, TaskRecord

SCHEMA = 2
"""Version of the JSON report; it grows when a field changes its meaning or goes."""

SMALL = 30
"""Judged examples below which a report warns of a number."""


@dataclass(frozen=True, slots=True)
class Number:
    """An estimate with its task's version and data hash, what the run keeps of its metric, and the baseline's.

    ``baseline`` is the number of a run that was asked the same, ``change`` what differs, example by example.
    """

    estimate: Estimate
    version: int
    data_sha256: str
    metric: MetricRecord | None = None
    baseline: Estimate | None = None
    change: Difference | None = None

    @property
    def is_headline(self) -> bool:
        """Whether it is of the task as it stands, and neither of calibration nor of changed examples."""
        return self.metric is None or self.metric.is_headline

    @property
    def verdict(self) -> str:
        """What its interval says of an ideal, with its sign; empty without one."""
        told = against(self.estimate, self.metric)
        if not told or self.metric is None or self.metric.ideal is None:
            return ""
        return f"{MARKS[side_of(self.estimate, self.metric.ideal)].sign} {told}"


@dataclass(frozen=True, slots=True)
class Facts:
    """A run and its numbers; ``refused``: by task why the baseline cannot be compared with it."""

    run: Run
    baseline: Run | None
    numbers: tuple[Number, ...]
    refused: Mapping[str, str]

    @property
    def changes(self) -> list[Difference]:
        """All differences to the baseline."""
        return [number.change for number in self.numbers if number.change]


def heading(run: Run) -> str:
    """Which run a report is of, and which share of its tasks it asked."""
    part = shortfall(run)
    return f"Run {run.id}, {run.status}, started {run.started}." + (f" It asked {part}." if part else "")


def gather(store: Store, run_id: str, baseline: str | None) -> Facts:
    """Read a run. Raises UnknownName for a run or baseline that is not there."""
    run = store.run(run_id)
    base = store.baseline_run(baseline) if baseline else None
    tasks, metrics = {task.name: task for task in run.tasks}, run.metrics()
    changes, refused = _changes(store, base, run) if base else ({}, {})
    theirs = {(e.task, e.metric, e.slice): e for e in store.results(base.id)} if base else {}
    numbers = tuple(
        Number(
            e,
            *asked_for(e.task, tasks),
            metric=metrics.get((e.task, e.metric)),
            baseline=theirs.get(key) if e.task not in refused else None,
            change=changes.get(key),
        )
        for e in store.results(run.id)
        for key in [(e.task, e.metric, e.slice)]
    )
    return Facts(run, base, numbers, refused)


def _changes(store: Store, base: Run, run: Run) -> tuple[dict[tuple[str, str, str], Difference], dict[str, str]]:
    """Differences of the tasks that both runs asked alike, p after Holm over all of them; why others have none."""
    rows: list[Difference] = []
    refused = {}
    known = plugins.installed_metrics(task.name for task in run.tasks)
    for task in run.tasks:
        try:
            rows += _differences(store, base, run, task, known)
        except UnknownName:
            refused[task.name] = "the baseline did not ask it"
        except HarnessError as error:
            refused[task.name] = str(error)
    return {(row.task, row.metric, row.slice): row for row in corrected(rows)}, refused


def _differences(
    store: Store, base: Run, run: Run, task: TaskRecord, known: Mapping[str, Mapping[str, Metric]]
) -> list[Difference]:
    """Paired over what both runs asked, where version, data, scorer and metrics are the same. Raises as ``compare``."""
    try:
        return compare(store, base.id, run.id, known, tasks=[task.name], flips=False)[0]
    except UsageError:
        if not any(_way(task) == _way(theirs) for theirs in base.tasks):
            raise
        return compare(store, base.id, run.id, known, tasks=[task.name], intersect=True, flips=False)[0]


def _way(task: TaskRecord) -> tuple[object, ...]:
    return task.name, task.version, task.data_sha256, task.scorer, task.metrics


def asked_for(name: str, tasks: Mapping[str, TaskRecord]) -> tuple[int, str]:
    """Version and data hash of a task; of a group's average the highest version and the hash of its tasks' hashes."""
    if name in tasks:
        return tasks[name].version, tasks[name].data_sha256
    group = plugins.catalogue().averages.get(name)
    members = [tasks[member] for member in group.members if member in tasks] if group else []
    joined = "\n".join(task.data_sha256 for task in members)
    return max((task.version for task in members), default=0), sha256(joined.encode()).hexdigest()


def dataset_of(task: TaskRecord) -> tuple[str, str | None, str | None, str | None]:
    """Hub id, config, split and revision of a task's first dataset; the task's name where it is not installed so."""
    known = plugins.catalogue().tasks.get(task.name)
    if known is None or known.version != task.version or known.dataset[0].path or ":" in known.dataset[0].id:
        return task.name, None, None, None
    first = known.dataset[0]
    return first.id, first.config, first.split, first.revision
