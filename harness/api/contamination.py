"""Installed tasks held against a corpus, and a run's scores of what the corpus holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import plugins
from harness import run as running
from harness.api.evaluation import tasks_of
from harness.contamination.check import Report
from harness.contamination.completion import Completion, completion
from harness.contamination.effect import ScoreGap, difference_in_difference, gap, scores
from harness.contamination.items import BenchmarkText, items_of
from harness.contamination.order import Order, exchangeability, logs_of
from harness.contamination.rules import require_rule
from harness.engine.backend import Backend
from harness.errors import UnknownName
from harness.store import Store
from harness.types import Estimate, Run, Settings, Task


@dataclass(frozen=True, slots=True)
class Effect:
    """A metric of a run over all, seen and unseen items; the gap, and the gap less a reference run's."""

    task: str
    metric: str
    scores: tuple[Estimate, ...]
    gap: ScoreGap
    against: ScoreGap | None


@dataclass(frozen=True, slots=True)
class ScoreSplit:
    """A stored run whose scores a rule splits into seen and unseen items, a reference run, and the tasks they share."""

    rule: str
    run: Run
    reference: Run | None
    tasks: tuple[Task, ...]


def items_in(
    tasks: str | Sequence[str | Task], *, limit: int | None = None, data: Path | None = None
) -> list[BenchmarkText]:
    """The questions and answers of tasks, by name or themselves; with a limit the first ones, in their published order.

    Raises as ``evaluate`` does for names and data."""
    planned = running.plan(tasks_of(tasks), Settings(limit=limit, limit_order="first", shots=0), data)
    return [item for p in planned for item in items_of(p)]


def split_by(
    items: Sequence[BenchmarkText], store: Store, rule: str, run: str, reference: str | None = None
) -> ScoreSplit:
    """What ``effects`` needs, checked before a long scan.

    Raises UnknownName for a rule or a run that is not there, and where the run has none of the items' tasks.
    """
    require_rule(rule)
    own, other = store.run(run), store.run(reference) if reference else None
    asked = dict.fromkeys(item.task for item in items)
    shared = sorted(asked.keys() & {task.name for task in own.tasks})
    if not shared:
        raise UnknownName(f"task of run {own.id}", next(iter(asked), ""), [task.name for task in own.tasks])
    return ScoreSplit(rule, own, other, tuple(plugins.installed(plugins.catalogue(), shared)))


def effects(report: Report, split: ScoreSplit, store: Store) -> list[Effect]:
    """What being seen goes with in a stored run: metrics with one number for each example.

    A share that is corrected for a detector's errors is left out: its examples hold the detector's verdicts, so that
    the difference of their means would be that of the share before correction.
    """
    rows = []
    compared = {record.name for record in split.reference.tasks} if split.reference else set[str]()
    for task in split.tasks:
        verdicts = report.verdicts(split.rule, task.name)
        outcomes = list(store.outcomes(split.run.id, task.name))
        other = None
        if split.reference and task.name in compared:
            other = list(store.outcomes(split.reference.id, task.name))
        for metric in task.metrics:
            if metric.interval in ("wilson", "t") and metric.errors is None:
                against = difference_in_difference(metric, outcomes, other, verdicts) if other is not None else None
                rows.append(
                    Effect(
                        task.name,
                        metric.name,
                        tuple(scores(task.name, metric, outcomes, verdicts)),
                        gap(metric, outcomes, verdicts),
                        against,
                    )
                )
    return rows


def order_of(items: Sequence[BenchmarkText], backend: Backend, *, shards: int = 20, shuffles: int = 20) -> Order:
    """The exchangeability test of one task's questions in their published order."""
    return exchangeability([item.question for item in items], logs_of(backend), shards=shards, shuffles=shuffles)


def completion_of(items: Sequence[BenchmarkText], backend: Backend, reference: Backend | None = None) -> Completion:
    """Whether a model goes on with one task's questions word for word, beside a reference model where there is one."""
    return completion([item.question for item in items], backend, reference)
