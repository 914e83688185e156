"""Means of ratings whose prompts and raters are both drawn: one prompt has many ratings, and so has one rater."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.metrics.intervals import alike, quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.metrics.intervals import Ends
    from harness.types import Array


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean of ``n`` ratings, its standard error, and the fewest clusters less one; None where there is none."""

    value: float | None
    error: float | None
    freedom: int
    n: int

    def interval(self, bounds: Ends | None = None, level: float = 0.95) -> Ends | None:
        """Ends by Student's t, within the ``bounds`` of a rating. Ratings that are all alike tell what share of others
        may be at either bound (``intervals.alike``), and nothing where there are no bounds.
        """
        if self.value is None or self.error is None or self.freedom < 1:
            return None
        if self.error == 0:
            return alike(self.value, bounds, self.freedom + 1, level) if bounds else None
        half = quantile((1 + level) / 2, self.freedom) * self.error
        low, high = bounds or (-math.inf, math.inf)
        return max(low, self.value - half), min(high, self.value + half)


def mean(values: Array, prompts: NDArray[np.int64], raters: NDArray[np.int64]) -> Mean:
    """Mean of ratings [n], NaN left out, over prompts and raters (see ``error_of``)."""
    kept = ~np.isnan(values)
    if not kept.any():
        return Mean(None, None, 0, 0)
    value = float(values[kept].mean())
    influence = np.where(kept, values - value, 0.0) / int(kept.sum())
    error, freedom = error_of(influence[kept], prompts[kept], raters[kept])
    return Mean(value, error, freedom, int(kept.sum()))


def difference(values: Array, second: NDArray[np.bool_], prompts: NDArray[np.int64], raters: NDArray[np.int64]) -> Mean:
    """Mean of the ratings [n] of the ``second`` kind less that of the others; prompts and raters are shared."""
    kept = ~np.isnan(values)
    one, two = kept & ~second, kept & second
    if not one.any() or not two.any():
        return Mean(None, None, 0, int(kept.sum()))
    means = values[one].mean(), values[two].mean()
    influence = np.where(two, (values - means[1]) / two.sum(), 0.0) - np.where(
        one, (values - means[0]) / one.sum(), 0.0
    )
    error, freedom = error_of(influence[kept], prompts[kept], raters[kept])
    return Mean(float(means[1] - means[0]), error, freedom, int(kept.sum()))


def error_of(influence: Array, prompts: NDArray[np.int64], raters: NDArray[np.int64]) -> tuple[float | None, int]:
    """(standard error, degrees of freedom) of a sum of influences [n]: the largest of its variance by prompt, by rater,
    and by both (Cameron, Gelbach and Miller 2011); what there is one of says nothing. None where there is one of each.
    """
    by_prompt, by_rater = (_variance(influence, codes) for codes in (prompts, raters))
    both = _variance(influence, np.unique(prompts, return_inverse=True)[1] * (1 << 20) + raters)
    known = [variance for variance in (by_prompt, by_rater) if variance is not None]
    if not known:
        return None, 0
    if by_prompt is not None and by_rater is not None and both is not None:
        known.append(by_prompt + by_rater - both)
    fewest = min(len(np.unique(codes)) for codes in (prompts, raters) if len(np.unique(codes)) > 1)
    return math.sqrt(max(known)), fewest - 1


def _variance(influence: Array, codes: NDArray[np.int64]) -> float | None:
    _, groups = np.unique(codes, return_inverse=True)
    sums = np.bincount(groups, influence)
    return float(len(sums) / (len(sums) - 1) * (sums**2).sum()) if len(sums) > 1 else None
