"""How far raters agree beyond chance: one family of coefficients over items, raters and missing ratings.

Every coefficient is (observed - expected) / (1 - expected). The observed agreement is the same for all but
Krippendorff's: the mean over items of the weighted share of agreeing pairs of their ratings. They differ in what
chance is (q categories, p their shares, w the weights):

| name | expected |
|---|---|
| percent | 0 |
| brennan_prediger | mean of w |
| fleiss (Scott's pi for two raters) | sum of w p p', p the mean share over items |
| gwet (AC1; AC2 with weights) | sum of w * sum of p (1 - p) / (q (q - 1)) |
| conger (Cohen's kappa for two raters) | mean over pairs of raters of sum of w p_g p_h, p_g the shares of rater g |

Gwet, Handbook of Inter-Rater Reliability (2014), whose variances by linearisation are used; clusters of items are
summed. Krippendorff's alpha is in ``alpha``. Raters are taken as they are: an interval says what other items would
give, not other raters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.errors import UnknownName, UsageError, listed
from harness.metrics.intervals import quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.metrics.intervals import Ends
    from harness.types import Array

Coefficient = Literal["percent", "brennan_prediger", "fleiss", "gwet", "conger"]
Weights = Literal["nominal", "ordinal", "linear", "quadratic"]
NAMES: tuple[Coefficient, ...] = ("percent", "brennan_prediger", "fleiss", "gwet", "conger")
WEIGHTS: tuple[Weights, ...] = ("nominal", "ordinal", "linear", "quadratic")


@dataclass(frozen=True, slots=True)
class Agreement:
    """A coefficient with the two agreements it is of; None where it is undefined.

    ``value``: 1 is perfect, 0 is chance. ``error``: standard error over items or clusters of them; None below two.
    ``items``: how many have two ratings or more, which alone can agree; ``single``: how many have just one.
    """

    value: float | None
    observed: float | None
    expected: float | None
    error: float | None
    freedom: int
    items: int
    single: int

    def interval(self, level: float = 0.95) -> Ends | None:
        """Ends by Student's t, none above 1; None where all items are alike, which tells nothing of others."""
        if self.value is None or not self.error or self.freedom < 1:
            return None
        half = quantile((1 + level) / 2, self.freedom) * self.error
        return self.value - half, min(1.0, self.value + half)


def agreement(
    ratings: Array,
    coefficient: Coefficient = "gwet",
    *,
    weights: Weights = "nominal",
    categories: Sequence[float] | None = None,
    clusters: NDArray[np.int64] | None = None,
    irrcac: bool = False,
) -> Agreement:
    """Agreement of ratings [items, raters], NaN where a rating is missing.

    ``categories``: all that there are, in their order; else those that occur. ``clusters`` [items]: items of the same
    number are drawn together. ``irrcac``: the variance as the R package irrCAC has it, which takes the share of items
    with two ratings for a constant: larger than ours where ratings are missing, the same where none is.
    Raises UsageError for a rating outside of the categories and for an unknown name.
    """
    if coefficient not in NAMES:
        raise UnknownName("coefficient", coefficient, NAMES)
    if weights not in WEIGHTS:
        raise UnknownName("weights", weights, WEIGHTS)
    values, kept = scale(ratings, categories), ~np.isnan(ratings).all(axis=1)
    ratings, clusters = ratings[kept], clusters[kept] if clusters is not None else None
    table = _Table(ratings, values, weight_matrix(values, weights))
    if not table.usable.any() or len(values) < 2:
        return Agreement(None, None, None, None, 0, int(table.usable.sum()), table.single)
    observed = float(table.pairs[table.usable].mean())
    expected, slopes = _chance(table, coefficient)
    if expected > 1 - 1e-12:
        return Agreement(None, observed, expected, None, 0, int(table.usable.sum()), table.single)
    value = (observed - expected) / (1 - expected)
    # The influence of an item on the coefficient: through the observed agreement, and through the chance.
    factor = len(table.usable) / table.usable.sum()
    seen = np.where(table.usable, (table.pairs - observed) * factor, 0.0)
    if irrcac:
        seen = np.where(table.usable, (table.pairs - expected) * factor, 0.0) - (observed - expected)
    influence = (seen - (1 - value) * slopes) / (1 - expected)
    error, freedom = clustered_error(influence, clusters)
    return Agreement(value, observed, expected, error, freedom, int(table.usable.sum()), table.single)


def clustered_error(influence: Array, clusters: NDArray[np.int64] | None) -> tuple[float | None, int]:
    """(standard error, degrees of freedom) of a mean whose items have these influences [n]; None below two clusters."""
    sums = influence if clusters is None else np.bincount(np.unique(clusters, return_inverse=True)[1], influence)
    count = len(sums)
    if count < 2:
        return None, 0
    return math.sqrt(count / (count - 1) * float(((sums - sums.mean()) ** 2).sum())) / len(influence), count - 1


def scale(ratings: Array, categories: Sequence[float] | None) -> Array:
    """The categories [q] of ratings. Raises UsageError for a rating that is none of ``categories``."""
    values = np.unique(ratings[~np.isnan(ratings)])
    if categories is None:
        return np.asarray(values)
    outside = np.setdiff1d(values, np.asarray(categories, dtype=float))
    if len(outside):
        raise UsageError(f"the rating {outside[0]:g} is none of the categories {listed(f'{c:g}' for c in categories)}")
    return np.asarray(categories, dtype=float)


def weight_matrix(values: Array, weights: Weights) -> Array:
    """How far two categories count as agreeing [q, q]: 1 on the diagonal, 0 for nothing in common.

    ``ordinal``: Gwet's, by the pairs of categories between them; ``linear`` and ``quadratic``: by their distance.
    """
    count = len(values)
    if weights == "nominal" or count < 2:
        return np.eye(count)
    if weights == "ordinal":
        span = np.abs(np.arange(count)[:, None] - np.arange(count)[None, :]) + 1
        return np.asarray(1 - span * (span - 1) / (count * (count - 1)))
    distance = np.abs(values[:, None] - values[None, :]) / np.ptp(values)
    return np.asarray(1 - (distance if weights == "linear" else distance**2))


class _Table:
    """Of items with a rating: the ``shares`` [items, q] of its ratings, and the share of ``pairs`` [items] that
    agree.
    """

    def __init__(self, ratings: Array, values: Array, weights: Array) -> None:
        self.marks = (ratings[:, :, None] == values[None, None, :]).astype(float)  # [items, raters, q]
        self.weights = weights
        counts = self.marks.sum(axis=1)
        total = counts.sum(axis=1)
        self.usable = total >= 2
        self.single = int((total == 1).sum())
        self.shares = counts / total[:, None]
        agreeing = (counts * (counts @ weights - 1)).sum(axis=1)
        self.pairs = agreeing / np.maximum(total * (total - 1), 1)


def _chance(table: _Table, coefficient: Coefficient) -> tuple[float, Array]:
    """(expected agreement, influence of each item on it [items])."""
    count, nothing = len(table.weights), np.zeros(len(table.usable))
    if coefficient == "percent":
        return 0.0, nothing
    if coefficient == "brennan_prediger":
        return float(table.weights.mean()), nothing
    if coefficient == "conger":
        return _conger(table)
    share = table.shares.mean(axis=0)
    if coefficient == "fleiss":
        form, constant = table.weights, 0.0
    else:  # sum of p (1 - p) is 1 - sum of p^2
        constant = float(table.weights.sum()) / (count * (count - 1))
        form = -constant * np.eye(count)
    slopes = 2 * (table.shares - share) @ form @ share
    return constant + float(share @ form @ share), slopes


def _conger(table: _Table) -> tuple[float, Array]:
    """Chance of two different raters, each with their own shares over the items that they rated."""
    marks = table.marks[:, table.marks.any(axis=(0, 2))]
    present = marks.sum(axis=2)  # [items, raters]
    raters = marks.shape[1]
    if raters < 2:
        return 1.0, np.zeros(len(marks))
    own = marks.sum(axis=0) / present.sum(axis=0)[:, None]  # [raters, q]
    others = own.sum(axis=0) - own
    expected = float(np.einsum("gk,kl,gl->", own, table.weights, others)) / (raters * (raters - 1))
    shift = np.where(present[:, :, None] > 0, marks - own, 0.0) * (len(marks) / present.sum(axis=0))[None, :, None]
    slopes = 2 * np.einsum("igk,kl,gl->i", shift, table.weights, others) / (raters * (raters - 1))
    return expected, slopes
