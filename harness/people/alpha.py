"""Krippendorff's alpha: agreement of any number of raters on any level of measurement, ratings missing or not.

alpha = 1 - observed / expected disagreement, with the disagreement of two values by the level (Krippendorff, Computing
Krippendorff's Alpha-Reliability, 2011): nominal 0 or 1, interval the square of their difference, ordinal the square of
the ratings that lie between them. Its interval is by deleting one item, or one cluster of items, at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.errors import UnknownName
from harness.metrics.resample import jackknife_error
from harness.people.agreement import Agreement, scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Array

Level = Literal["nominal", "ordinal", "interval"]
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")


def krippendorff(ratings: Array, level: Level = "nominal", clusters: NDArray[np.int64] | None = None) -> Agreement:
    """Alpha of ratings [items, raters], NaN where a rating is missing; ``observed`` and ``expected`` are disagreements.

    Undefined where nobody disagrees with anybody on anything, since chance could not do worse. Raises UsageError for an
    unknown level.
    """
    if level not in LEVELS:
        raise UnknownName("level", level, LEVELS)
    values = scale(ratings, None)
    counts = (ratings[:, :, None] == values[None, None, :]).sum(axis=1).astype(float)  # [items, q]
    total = counts.sum(axis=1)
    single = int((total == 1).sum())
    counts, groups = counts[total >= 2], clusters[total >= 2] if clusters is not None else None
    items = len(counts)
    if not items:
        return Agreement(None, None, None, None, 0, 0, single)
    _, codes = np.unique(np.arange(items) if groups is None else groups, return_inverse=True)
    whole = _coincidences(counts)
    observed, expected = _disagreements(whole, values, level)
    if expected <= 0:
        return Agreement(None, observed, expected, None, 0, items, single)
    value = 1 - observed / expected
    parts = np.split(counts[np.argsort(codes, kind="stable")], np.cumsum(np.bincount(codes))[:-1])
    without = [_disagreements(whole - _coincidences(part), values, level) for part in parts]
    error = _error(without, value)
    return Agreement(value, observed, expected, error, len(parts) - 1, items, single)


def _coincidences(counts: Array) -> Array:
    """Pairs of values within each item, over items [q, q]; an item of m ratings weighs m."""
    weighted = counts / (counts.sum(axis=1) - 1)[:, None]
    return np.asarray(counts.T @ weighted - np.diag(weighted.sum(axis=0)))


def _disagreements(matrix: Array, values: Array, level: Level) -> tuple[float, float]:
    """(observed, expected) mean disagreement of two ratings."""
    totals = matrix.sum(axis=1)
    count = float(totals.sum())
    distance = _distance(totals, values, level)
    if count < 2:
        return 0.0, 0.0
    observed = float((matrix * distance).sum()) / count
    chance = np.outer(totals, totals) - np.diag(totals)
    return observed, float((chance * distance).sum()) / (count * (count - 1))


def _distance(totals: Array, values: Array, level: Level) -> Array:
    """Disagreement of two values [q, q]; the ordinal one depends on how often the values between them occur."""
    if level == "nominal":
        return 1 - np.eye(len(values))
    middles = np.cumsum(totals) - totals / 2 if level == "ordinal" else values
    return np.asarray((middles[:, None] - middles[None, :]) ** 2)


def _error(without: Sequence[tuple[float, float]], value: float) -> float | None:
    """Standard error from the disagreements without one cluster each; None where alpha is undefined without one."""
    if len(without) < 2 or min(expected for _, expected in without) <= 0:
        return None
    return float(jackknife_error(np.array([1 - observed / expected for observed, expected in without]), value))
