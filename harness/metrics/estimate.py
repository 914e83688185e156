"""One number of a group of outcomes, with its interval, n, clusters and failures."""

from collections.abc import Iterable, Sequence

import numpy as np

from harness.metrics import stats
from harness.metrics.classify import proportion
from harness.metrics.corrected import corrected_interval
from harness.metrics.whole import placed
from harness.types import Estimate, Example, Metric, Outcome


def estimate(task: str, metric: Metric, name: str, outcomes: Sequence[Outcome]) -> Estimate:
    """One number of one group of outcomes; value None where no example could be judged or it is undefined."""
    counted = [o for o in outcomes if o.judged and (metric.over or metric.name in o.judged.values)]
    failed = sum(o.failure is not None or bool(o.judged and metric.name in o.judged.failed) for o in outcomes)
    if not counted:
        return Estimate(task, metric.name, name, None, None, None, 0, 0, failed)
    metric, rows = placed(metric, counted) if metric.over else (metric, _rows(metric.name, counted))
    clusters = cluster_codes(o.example for o in counted)
    n, distinct = len(counted), int(clusters.max()) + 1
    value = stats.point(metric, rows, clusters)
    if not np.isfinite(value):
        return Estimate(task, metric.name, name, None, None, None, n, distinct, failed)
    low, high = interval(metric, rows, clusters) or (None, None)
    return Estimate(task, metric.name, name, value, low, high, n, distinct, failed)


def _rows(name: str, outcomes: Sequence[Outcome]) -> np.ndarray:
    """The values of a metric [n, k]."""
    values = (o.judged.values[name] for o in outcomes if o.judged)
    return np.array([value if isinstance(value, tuple) else (value,) for value in values], dtype=np.float64)


def interval(metric: Metric, rows: np.ndarray, clusters: np.ndarray) -> tuple[float, float] | None:
    """95 % interval of a metric over rows [n, k] with cluster codes [n]; None below two clusters.

    A share that is corrected for a detector's errors carries their uncertainty too, at the effective number of
    examples that clusters leave.
    """
    if metric.errors is None:
        return stats.confidence(metric, rows, clusters)
    detected = proportion(metric.name)
    alone = stats.confidence(detected, rows, np.arange(len(rows)))
    grouped = stats.confidence(detected, rows, clusters)
    if alone is None or grouped is None:
        return None
    effect = max(1.0, ((grouped[1] - grouped[0]) / (alone[1] - alone[0])) ** 2)
    return corrected_interval(stats.point(detected, rows), len(rows) / effect, metric.errors)


def cluster_codes(examples: Iterable[Example]) -> np.ndarray:
    """Cluster codes 0..c-1 [n]; an example without a cluster is one of its own."""
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(example.cluster_key, len(seen)) for example in examples], dtype=np.int64)
