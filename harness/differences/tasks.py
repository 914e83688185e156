"""The tasks that two runs share, whether they are still the same, and their metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.errors import UnknownName, UsageError
from harness.metrics.stored import restored

if TYPE_CHECKING:
    from harness.types import Metric, MetricRecord, Run, TaskRecord

RELEASES = ("version:", "rouge-score:", "evaluate:")
"""Parts of a signature that name the release of a package."""


def common_tasks(first: Run, second: Run, wanted: Sequence[str], *, intersect: bool) -> list[tuple[TaskRecord, bool]]:
    """Tasks of both runs, and whether data or version changed. Raises UsageError where that is not allowed."""
    one, two = ({task.name: task for task in run.tasks} for run in (first, second))
    for name in wanted:
        if name not in one or name not in two:
            raise UnknownName("task of both runs", name, set(one) & set(two))
    names = [name for name in one if name in two and (not wanted or name in wanted)]
    if not names:
        raise UsageError(f"runs {first.id} and {second.id} have no task in common: {', '.join(one)} / {', '.join(two)}")
    common = []
    for name in names:
        a, b = one[name], two[name]
        changed = [
            f"{what} {before} -> {after}"
            for what, before, after in (
                ("version", a.version, b.version),
                ("data", a.data_sha256[:12], b.data_sha256[:12]),
                ("scorer", a.scorer or "none", b.scorer or "none"),
            )
            if before != after
        ]
        changed += _rewritten(a, b)
        if changed and not intersect:
            raise UsageError(
                f"{name} changed between the runs ({', '.join(changed)}); --intersect compares what is equal"
            )
        common.append((b, bool(changed)))
    return common


def _rewritten(first: TaskRecord, second: TaskRecord) -> list[str]:
    """The metrics of both records that are computed otherwise: another tokenizer, or a file whose contents changed."""
    one, two = ({metric.name: metric for metric in record.metrics} for record in (first, second))
    return [
        f"metric {name} {change}"
        for name, old in one.items()
        if name in two and (change := _changed_parts(old, two[name]))
    ]


def _changed_parts(old: MetricRecord, new: MetricRecord) -> str:
    """What changed of the way that a metric is computed; empty where nothing did or one record does not say."""
    before, after = _way_of(old), _way_of(new)
    if not old.signature or not new.signature or before == after:
        return ""
    gone, come = [part for part in before if part not in after], [part for part in after if part not in before]
    return f"{' '.join(gone)} -> {' '.join(come)}"


def _way_of(record: MetricRecord) -> list[str]:
    """The parts of a signature, releases of packages left out, and the hash of the user's files."""
    parts = [part for part in record.signature.split("|") if not part.startswith(RELEASES)]
    return [*parts, record.contents] if record.contents else parts


def metrics_of(record: TaskRecord, installed: Mapping[str, Metric]) -> list[Metric]:
    """The task's metrics: those installed, else those that the run remembers well enough; no reference values."""
    metrics = (installed.get(kept.name) or restored(kept) for kept in record.metrics)
    return [metric for metric in metrics if metric and metric.interval != "none"]
