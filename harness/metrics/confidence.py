"""The 95 % interval of one metric over clustered examples; the formulas are in ``intervals``."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.metrics import intervals
from harness.metrics.classify import ANY, UNIT
from harness.metrics.intervals import quantile, wilson
from harness.metrics.resample import cluster_sums, jackknife_error, left_out, point, summed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.metrics.intervals import Ends
    from harness.types import Array, Metric

FEWEST = 5
"""Cases that an interval of a share of some of the examples, or of one that is noise in part, needs."""
NEAR = 0.01
"""Cases within this share of the metric's range of each other count as alike."""


def confidence(
    metric: Metric, rows: Array, clusters: NDArray[np.int64], level: float = 0.95, *, student: bool = False
) -> Ends | None:
    """Interval of a metric over rows [n, k] whose cluster codes are ``clusters`` [n]; None below two clusters.

    Unclustered 0/1 values get Wilson's interval; ``student``, or a share of some of the examples: with a quantile of
    Student's t instead of the normal one. Everything else has a standard error by deleting one cluster at a
    time (the cluster jackknife, CV3 of MacKinnon, Nielsen and Webb 2023), a quantile of Student's t with G - 1 degrees
    of freedom, and the form of interval that keeps within the metric's bounds (``intervals.around``). Where all
    clusters are alike (within NEAR), or the value is its bound, ``intervals.alike`` says what a run of equal cases
    allows. There is no interval of equal cases of a metric without bounds, of a metric that is undefined without one of
    the clusters, nor below FEWEST of a share of some of the examples or of a number that is noise in part.
    """
    metric, table = summed(metric, rows, clusters)
    _, groups = np.unique(clusters, return_inverse=True)
    count, value = int(groups.max()) + 1, point(metric, table)
    affordable = metric.affordable is None or len(table) <= metric.affordable
    if count < 2 or metric.interval == "none" or not affordable or not math.isfinite(value):
        return None
    metric = _counted(metric, table)
    support = float(metric.support(table)) if metric.support else float(len(table))
    if metric.interval == "wilson" and count == len(table):
        if metric.support and support < FEWEST:
            return None
        reach = quantile((1 + level) / 2, support - 1 if metric.support or student else math.inf)
        low, high = wilson(min(1.0, max(0.0, value / metric.scale)), support, reach)
        return metric.scale * low, metric.scale * high
    without = left_out(metric, table, groups)
    if metric.folded:
        return _folded(value, without, table, groups, level) if count >= FEWEST else None
    return from_left_out(metric, value, without, min(count, support), level)


def may_be_proportion(metric: Metric) -> bool:
    """Whether values that are all 0 or 1 are hits and misses: not where the range says that they are something else.

    Of a change from -1 to 1, or a percentage from 0 to 100, values may be all 0 as well.
    """
    return metric.interval == "wilson" or (metric.interval == "t" and metric.bounds in (UNIT, ANY))


def _counted(metric: Metric, table: Array) -> Metric:
    """A mean whose values are all 0 or 1 is a proportion."""
    if (
        metric.interval == "t"
        and may_be_proportion(metric)
        and table.shape[1] == 1
        and bool(((table == 0) | (table == 1)).all())
    ):
        return replace(metric, interval="wilson", bounds=UNIT)
    return metric


def from_left_out(metric: Metric, value: float, without: Array, support: float, level: float) -> Ends | None:
    """Interval from the values [G] without one cluster; ``support``: how many cases a run of equal ones is of."""
    low, high = metric.bounds
    if not np.isfinite(without).all() or support <= 0:
        return None
    if metric.interval == "log":
        if low > 0 and (value <= low or (without <= low).any()):
            return None
        ends = from_left_out(
            replace(metric, interval="jackknife", bounds=(math.log(low) if low > 0 else -math.inf, math.inf)),
            math.log(value),
            np.log(without),
            support,
            level,
        )
        return _finite((math.exp(ends[0]), math.exp(ends[1]) if ends[1] < 700 else math.inf)) if ends else None
    error = jackknife_error(without, value)
    bounded = math.isfinite(low) and math.isfinite(high)
    if error <= 1e-12 * max(abs(value), high - low if bounded else 0.0) or not low < value < high:
        return intervals.alike(value, metric.bounds, support, level) if bounded else None
    ends = intervals.around(value, error, metric.bounds, quantile((1 + level) / 2, len(without) - 1))
    if bounded and _near(value, without, NEAR * (high - low)):
        least, most = intervals.alike(value, metric.bounds, support, level)
        return min(ends[0], least), max(ends[1], most)
    return _finite(ends)


def _near(value: float, without: Array, reach: float) -> bool:
    """Whether no cluster's pseudo-value lies farther than ``reach`` from the value."""
    return bool(((len(without) - 1) * np.abs(value - without) <= reach).all())


def _finite(ends: Ends) -> Ends | None:
    return ends if math.isfinite(ends[0]) and math.isfinite(ends[1]) else None


def _folded(value: float, without: Array, table: Array, groups: NDArray[np.int64], level: float) -> Ends:
    """Interval of what a sum of absolute mean gaps, 0 to 1, would be without noise; it holds the value itself.

    ``without``: the values [G] without one cluster. The low end allows true gaps two of their standard errors nearer to
    0 than seen. Each gap's error is that of the sum over clusters, as if it were 0.
    """
    error = jackknife_error(without, value)
    sums, _ = cluster_sums(table, groups)
    gaps, errors, freedom = sums.sum(axis=0) / len(table), np.sqrt((sums**2).sum(axis=0)) / len(table), len(sums) - 1
    low = value - intervals.noise(gaps, errors, 2.0) - quantile(level, freedom) * error
    high = value - intervals.noise(gaps, errors) + quantile((1 + level) / 2, freedom) * error
    if _near(value, without, NEAR):
        least, most = intervals.alike(value, (0.0, 1.0), len(sums), level)
        low, high = min(low, least), max(high, most)
    return max(0.0, min(low, value)), min(1.0, max(high, value))
