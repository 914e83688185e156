"""Means of several numbers, each with its own uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.metrics.confidence import confidence, from_left_out
from harness.metrics.resample import left_out, point, summed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.metrics.intervals import Ends
    from harness.types import Array, Metric


@dataclass(frozen=True, slots=True)
class Part:
    """A number with its 95 % interval, if it has one, and the clusters less one that it rests on."""

    value: float
    low: float | None
    high: float | None
    freedom: int


def mean_of_metrics(metrics: Sequence[tuple[Metric, Array]], groups: NDArray[np.int64]) -> Part:
    """Unweighted mean of several metrics of the same examples, with an interval as ``confidence`` gives one.

    Rows [n, k] of each metric, cluster codes 0..G-1 [n]. NaN where a metric is undefined.
    """
    count = int(groups.max()) + 1
    value = float(np.mean([point(metric, rows, groups) for metric, rows in metrics]))
    if len(metrics) == 1:
        low, high = confidence(*metrics[0], groups, student=True) or (None, None)
        return Part(value, low, high, count - 1)
    tables = [summed(metric, rows, groups) for metric, rows in metrics]
    if count < 2 or not math.isfinite(value) or any(m.interval == "none" or m.folded for m, _ in tables):
        return Part(value, None, None, max(0, count - 1))
    without = np.mean([left_out(*table, groups) for table in tables], axis=0)
    low_bound, high_bound = (float(np.mean([m.bounds[end] for m, _ in tables])) for end in (0, 1))
    support = min([count, *(float(m.support(rows)) for m, rows in tables if m.support)])
    joint = replace(tables[0][0], interval="jackknife", bounds=(low_bound, high_bound))
    low, high = from_left_out(joint, value, without, support, 0.95) or (None, None)
    return Part(value, low, high, count - 1)


def mean_of_parts(parts: Sequence[Part], weights: Sequence[float] | None = None) -> tuple[Part, Ends | None]:
    """Mean of independent numbers, equal unless there are ``weights``, and its interval from theirs (MOVER, Zou and
    Donner 2008).

    The distances to the parts' own ends are added as errors are, so that the mean keeps within its range. No interval
    where a part has none.
    """
    counts = np.ones(len(parts)) if weights is None else np.asarray(weights, dtype=float)
    shares = counts / counts.sum()
    value = float(np.average([part.value for part in parts], weights=counts))
    freedom = sum(part.freedom for part in parts)
    both = zip(shares, parts, strict=True)
    held = [(s, p.value - p.low, p.high - p.value) for s, p in both if p.low is not None and p.high is not None]
    if len(held) < len(parts):
        return Part(value, None, None, freedom), None
    below, above = ([share * ends[side] for share, *ends in held] for side in (0, 1))
    ends = value - math.hypot(*below), value + math.hypot(*above)
    return Part(value, *ends, freedom), ends
