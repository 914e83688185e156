"""Statistics of evaluation results: arrays in, numbers out; intervals, paired tests, corrections, power."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Array, Metric


def checked(rows: Array, name: str) -> Array:
    """Rows as float [n, k] (a flat [n] becomes [n, 1]); DataError when there is none or one is not finite."""
    table = np.asarray(rows, dtype=float)
    if table.ndim == 1:
        table = table[:, None]
    if table.ndim != 2 or not len(table):
        raise DataError(f"metric {name!r} has no values (shape {table.shape}): an empty result is not a score")
    if not np.isfinite(table).all():
        place = int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])
        raise DataError(f"metric {name!r}: value {place} is {table[place].tolist()}, not a finite number")
    return table


def point(metric: Metric, rows: Array) -> float:
    """The metric over all rows [n, k]; NaN where it is undefined (a correlation with a constant).

    Raises DataError for no rows and for rows that are not finite.
    """
    table = checked(rows, metric.name)
    n = np.asarray(float(len(table)))
    return float(metric.reduce(table.sum(axis=0) if metric.additive else table, n))


def confidence(
    metric: Metric, rows: Array, clusters: NDArray[np.int64], level: float = 0.95, seed: int = 0
) -> tuple[float, float] | None:
    """Interval of a metric over rows [n, k] whose cluster codes are ``clusters`` [n]; None below two clusters.

    Proportions get Wilson's interval, with clusters at the effective sample size n / design effect and a t quantile.
    Everything else gets value +- t(G - 1) * standard error, the error by deleting one cluster at a time (the
    cluster jackknife, CV3 of MacKinnon, Nielsen and Webb 2023), which keeps its coverage when clusters are few; rank
    statistics a percentile bootstrap of clusters.
    """
    from scipy import stats as scipy_stats

    table = checked(rows, metric.name)
    codes, groups = np.unique(clusters, return_inverse=True)
    count = len(codes)
    if count < 2:
        return None
    if not metric.additive:
        return bootstrap(metric, table, groups, level=level, seed=seed)
    sums = np.zeros((count, table.shape[1]))
    np.add.at(sums, groups, table)
    sizes = np.bincount(groups).astype(float)
    n, value = float(len(table)), point(metric, table)
    left_out = metric.reduce(sums.sum(axis=0) - sums, n - sizes)
    if not np.isfinite(left_out).all():
        return bootstrap(metric, table, groups, level=level, seed=seed)
    error = float(np.sqrt((count - 1) / count * ((left_out - value) ** 2).sum()))
    quantile = float(scipy_stats.t.ppf((1 + level) / 2, count - 1))
    if metric.interval == "wilson":
        naive = value * (1 - value) / n
        clustered = count < n and naive > 0
        effective = n / max(1.0, error**2 / naive) if clustered else n
        return wilson(value, effective, quantile if clustered else float(scipy_stats.norm.ppf((1 + level) / 2)))
    return value - quantile * error, value + quantile * error


def wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's score interval of a share of ``n`` (may be an effective size) at quantile ``z``."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(
    metric: Metric, rows: Array, groups: NDArray[np.int64], *, level: float, seed: int, resamples: int = 1000
) -> tuple[float, float] | None:
    """Percentile interval from resampled clusters; None where no resample has a value."""
    generator = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == g) for g in range(int(groups.max()) + 1)]
    values = []
    for _ in range(resamples):
        picked = np.concatenate([members[g] for g in generator.integers(len(members), size=len(members))])
        n = np.asarray(float(len(picked)))
        values.append(float(metric.reduce(rows[picked].sum(axis=0) if metric.additive else rows[picked], n)))
    finite = np.array(values)[np.isfinite(values)]
    if not len(finite):
        return None
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
