"""What every report tells of a run, gathered once: numbers with all that is needed to trust them, and limits."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

from harness import plugins
from harness.store import Store
from harness.subset import shortfall
from harness.types import Estimate, Run, TaskRecord
from harness.visible import interval

SCHEMA = 1
"""Version of the JSON report; it grows when a field changes its meaning or goes."""


@dataclass(frozen=True, slots=True)
class Number:
    """An estimate with its task's version and data hash, its ideal, and the baseline's value of the same question.

    ``is_headline`` is false of what calibration and changed examples tell.
    """

    estimate: Estimate
    version: int
    data_sha256: str
    baseline: float | None = None
    ideal: float | None = None
    is_headline: bool = True

    @property
    def interval(self) -> str:
        """The 95 % interval as text, and what it says of an ideal."""
        against = self.estimate.against(self.ideal) if self.ideal is not None else ""
        return ", ".join(filter(None, (interval(self.estimate.low, self.estimate.high), against)))


def heading(run: Run) -> str:
    """Which run a report is of, and which share of its tasks it asked."""
    part = shortfall(run)
    return f"Run {run.id}, {run.status}, started {run.started}." + (f" It asked {part}." if part else "")


@dataclass(frozen=True, slots=True)
class Facts:
    """A run, its numbers, and for which measures of which framework they are evidence."""

    run: Run
    baseline: Run | None
    numbers: tuple[Number, ...]
    evidence: tuple[Mapping[str, Any], ...]


def gather(store: Store, run_id: str, baseline: str | None) -> Facts:
    """Read a run. Raises UnknownName for a run or baseline that is not there."""
    run = store.run(run_id)
    base = store.run(baseline) if baseline else None
    tasks = {task.name: task for task in run.tasks}
    theirs = _same(run, base, store.results(base.id)) if base else {}
    ideals, metrics = run.ideals(), run.metrics()
    numbers = tuple(
        Number(
            e,
            *asked_for(e.task, tasks),
            baseline=theirs.get((e.task, e.metric, e.slice)),
            ideal=ideals.get(key),
            is_headline=key not in metrics or metrics[key].is_headline,
        )
        for e in store.results(run.id)
        for key in [(e.task, e.metric)]
    )
    return Facts(run, base, numbers, evidence())


def asked_for(name: str, tasks: Mapping[str, TaskRecord]) -> tuple[int, str]:
    """Version and data hash of a task; of a group's average the highest version and the hash of its tasks' hashes."""
    if name in tasks:
        return tasks[name].version, tasks[name].data_sha256
    group = plugins.catalogue().averages.get(name)
    members = [tasks[member] for member in group.members if member in tasks] if group else []
    joined = "\n".join(task.data_sha256 for task in members)
    return max((task.version for task in members), default=0), sha256(joined.encode()).hexdigest()


def _same(run: Run, base: Run, results: list[Estimate]) -> dict[tuple[str, str, str], float | None]:
    """The baseline's values of tasks that asked the same questions of the same data, and of no others."""
    asked = {(t.name, t.fingerprint, t.data_sha256, t.n) for t in run.tasks}
    same = {t.name for t in base.tasks if (t.name, t.fingerprint, t.data_sha256, t.n) in asked}
    return {(e.task, e.metric, e.slice): e.value for e in results if e.task in same}


def dataset_of(task: TaskRecord) -> tuple[str, str | None, str | None, str | None]:
    """Hub id, config, split and revision of a task's first dataset; the task's name where it is not installed so."""
    known = plugins.catalogue().tasks.get(task.name)
    if known is None or known.version != task.version or known.dataset[0].path or ":" in known.dataset[0].id:
        return task.name, None, None, None
    first = known.dataset[0]
    return first.id, first.config, first.split, first.revision


def evidence() -> tuple[Mapping[str, Any], ...]:
    """The mappings to frameworks, one versioned file each."""
    folder = files("harness_reports") / "data"
    names = ("eu_ai_act.json", "nist_ai_rmf.json")
    return tuple(json.loads((folder / name).read_text(encoding="utf-8")) for name in names)
