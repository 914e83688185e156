"""Installed tasks held against a corpus, and a run's scores of what the corpus holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import plugins
from harness import run as running
from harness.api.evaluation import tasks_of
from harness.contamination.check import Report
from harness.contamination.effect import ScoreGap, difference_in_difference, gap, scores
from harness.contamination.items import BenchmarkText, items_of
from harness.contamination.order import Order, exchangeability, logs_of
from harness.engine.backend import Backend
from harness.errors import UnknownName
from harness.store import Store
from harness.types import Estimate, Settings, Task


@dataclass(frozen=True, slots=True)
class Effect:
    """A metric of a run over all, seen and unseen items; the gap, and the gap less a reference run's."""

    task: str
    metric: str
    scores: tuple[Estimate, ...]
    gap: ScoreGap
    against: ScoreGap | None


def items_in(
    tasks: str | Sequence[str | Task], *, limit: int | None = None, data: Path | None = None
) -> list[BenchmarkText]:
    """The questions and answers of tasks, by name or themselves; with a limit the first ones, in their published order.

    Raises as ``evaluate`` does for names and data."""
    planned = running.plan(tasks_of(tasks), Settings(limit=limit, limit_order="first", shots=0), data)
    return [item for p in planned for item in items_of(p)]


def effects(report: Report, rule: str, store: Store, run: str, reference: str | None = None) -> list[Effect]:
    """What being seen, by one rule, goes with in a stored run: metrics with one number for each example.

    Raises UnknownName for a rule or a run that is not there, and where the run has none of the report's tasks.
    """
    rules = report.checked[0].question.verdicts if report.checked else {}
    if rule not in rules:
        raise UnknownName("rule", rule, rules)
    own = store.run(run)
    theirs = {task.name for task in store.run(reference).tasks} if reference else set()
    there = {one.item.task for one in report.checked} & {task.name for task in own.tasks}
    if not there:
        raise UnknownName(f"task of run {own.id}", report.checked[0].item.task, [task.name for task in own.tasks])
    rows = []
    for task in plugins.installed(plugins.catalogue(), sorted(there)):
        verdicts = report.verdicts(rule, task.name)
        outcomes = list(store.outcomes(own.id, task.name))
        other = list(store.outcomes(reference, task.name)) if reference and task.name in theirs else None
        for metric in task.metrics:
            if metric.interval in ("wilson", "t"):
                against = difference_in_difference(metric, outcomes, other, verdicts) if other is not None else None
                split = tuple(scores(task.name, metric, outcomes, verdicts))
                rows.append(Effect(task.name, metric.name, split, gap(metric, outcomes, verdicts), against))
    return rows


def order_of(items: Sequence[BenchmarkText], backend: Backend, *, shards: int = 20, shuffles: int = 20) -> Order:
    """The exchangeability test of one task's questions in their published order."""
    return exchangeability([item.question for item in items], logs_of(backend), shards=shards, shuffles=shuffles)
