"""Figures of a whole group of tasks, such as the GLUE average: there when every task is, and otherwise not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.metrics import stats
from harness.metrics.estimate import cluster_codes
from harness.types import Estimate, Group, Outcome, Task


@dataclass(frozen=True, slots=True)
class Figures:
    """Averages of complete groups, and for the others the reason why there is none."""

    estimates: tuple[Estimate, ...]
    reasons: tuple[str, ...]


def figures(
    groups: Iterable[tuple[str, Group]], tasks: Sequence[Task], outcomes: Mapping[str, Sequence[Outcome]]
) -> Figures:
    """The average of each group (by name) of which a run has at least two tasks.

    A group that is not complete has a reason and no number; one with an undefined member has an undefined number and
    the reason.
    """
    by_name = {task.name: task for task in tasks}
    estimates, reasons = [], []
    for name, group in groups:
        missing = [member for member in group.members if member not in by_name]
        if len(group.members) - len(missing) < 2:
            continue
        if missing:
            reasons.append(f"{name} has no average: {', '.join(missing)} is not in this run")
            continue
        estimate, undefined = _average(name, group, by_name, outcomes)
        estimates.append(estimate)
        if undefined:
            reasons.append(f"{name} has no average: {', '.join(undefined)} has no value")
    return Figures(tuple(estimates), tuple(reasons))


def _average(
    name: str, group: Group, tasks: Mapping[str, Task], outcomes: Mapping[str, Sequence[Outcome]]
) -> tuple[Estimate, list[str]]:
    """The estimate of a complete group, and its tasks whose value is undefined."""
    members = {
        task: _member(tasks[task], metrics, outcomes[task]) for part in group.average for task, metrics in part.items()
    }
    everything = [outcome for task in members for outcome in outcomes[task]]
    failed = sum(outcome.failure is not None for outcome in everything)
    n, clusters = len(everything) - failed, sum(part.freedom + 1 for part in members.values() if part)
    undefined = [task for task, part in members.items() if part is None or not np.isfinite(part.value)]
    if undefined:
        return Estimate(name, group.metric, "all", None, None, None, n, clusters, failed), undefined
    each = [stats.mean_of_parts([p for t in part if (p := members[t])])[0] for part in group.average]
    sizes = [float(sum(o.failure is None for task in part for o in outcomes[task])) for part in group.average]
    whole, interval = stats.mean_of_parts(each, sizes if group.by_size else None)
    low, high = interval or (None, None)
    return Estimate(name, group.metric, "all", whole.value, low, high, n, clusters, failed), []


def _member(task: Task, metrics: Sequence[str], outcomes: Sequence[Outcome]) -> stats.Part | None:
    """The mean of a task's metrics; None where one of them has no example."""
    by_name = {metric.name: metric for metric in task.metrics}
    judged = [o for o in outcomes if o.judged and all(name in o.judged.values for name in metrics)]
    if not judged:
        return None
    tables = [
        (by_name[name], np.array([np.atleast_1d(o.judged.values[name]) for o in judged if o.judged], dtype=float))
        for name in metrics
    ]
    return stats.mean_of_metrics(tables, cluster_codes(o.example for o in judged))
