"""People and a judge together: a mean of human labels that a judge of everything makes more certain, never biased.

``powered_mean`` is PPI++ (Angelopoulos, Duchi and Zrnic, 2023): lam * mean of the judge where nobody labelled, plus
the mean of label - lam * judge where somebody did. Whatever the judge is worth, the mean is that of the labels; a
good judge makes it narrower, and lam goes to 0 with a useless one. ``corrected_rate`` is Rogan and Gladen's (1978):
the judge's rate of yes, corrected for its sensitivity and specificity on the labelled cases.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import UsageError
from harness.metrics.corrected import rogan_gladen
from harness.metrics.intervals import quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.metrics.intervals import Ends
    from harness.types import Array


@dataclass(frozen=True, slots=True)
class Powered:
    """A number of people and judge together; None where it is undefined, for the ``reason``.

    ``trust``: lam of PPI++, 0 to 1. ``classical``: the labels' own mean, with its standard error ``classical_error``.
    ``freedom``: labelled clusters less one, and less one more where lam was estimated. ``labels``: how many items
    have one; ``judged``: how many have none.
    """

    value: float | None
    error: float | None
    freedom: int
    labels: int
    judged: int
    trust: float | None = None
    classical: float | None = None
    classical_error: float | None = None
    bounds: tuple[float, float] = (-math.inf, math.inf)
    reason: str = ""

    def interval(self, level: float = 0.95) -> Ends | None:
        """Ends by Student's t, within the range of the number."""
        if self.value is None or self.error is None or self.freedom < 1:
            return None
        half = quantile((1 + level) / 2, self.freedom) * self.error
        return max(self.bounds[0], self.value - half), min(self.bounds[1], self.value + half)

    @property
    def saved(self) -> float | None:
        """Labels that the judge was worth: how many more would make the labels' own mean as certain."""
        if not self.error or not self.classical_error:
            return None
        return self.labels * ((self.classical_error / self.error) ** 2 - 1)


def powered_mean(labels: Array, judge: Array, clusters: NDArray[np.int64] | None = None) -> Powered:
    """Mean of the labels of all items [n]; NaN in ``labels`` where nobody labelled, ``judge`` has a number for each.

    ``clusters`` [n]: items of the same number are drawn together. Raises UsageError for a judge's number that is
    missing: leave such items out, and say how many.
    """
    known = ~np.isnan(labels)
    if not np.isfinite(judge).all():
        raise UsageError(f"the judge has no number for {int((~np.isfinite(judge)).sum())} of {len(judge)} items")
    codes = np.arange(len(labels)) if clusters is None else clusters
    groups = len(np.unique(codes[known]))
    count, rest = int(known.sum()), int((~known).sum())
    if groups < 2:
        return Powered(None, None, 0, count, rest, reason="fewer than two labelled items or clusters of them")
    mean = float(labels[known].mean())
    own = _influence(np.where(known, labels, 0.0), known, codes)
    classical = _error(own, codes)
    if not rest:
        return Powered(mean, classical, groups - 1, count, rest, 0.0, mean, classical)
    shift = float(judge[~known].mean() - judge[known].mean())
    moved = _influence(judge, ~known, codes) - _influence(judge, known, codes)
    trust = _trust(_sums(own, codes), _sums(moved, codes))
    if not trust:
        return Powered(mean, classical, groups - 1, count, rest, trust, mean, classical)
    if groups < 3:
        return Powered(None, None, 0, count, rest, reason="fewer than three labelled items or clusters of them")
    # As in a regression, lam costs a degree of freedom: without that, few clusters look more certain than they are.
    error = _error(own + trust * moved, codes) * math.sqrt((groups - 1) / (groups - 2))
    return Powered(mean + trust * shift, error, groups - 2, count, rest, trust, mean, classical)


def corrected_rate(labels: Array, judge: Array, clusters: NDArray[np.int64] | None = None) -> Powered:
    """Share of yes among all items [n]: labels 1, 0 or NaN, judge 1 or 0; the judge's rate is that of unlabelled items.

    (p + Sp - 1) / (Se + Sp - 1), its error from those of all three. Undefined where the labels lack a yes or a no, or
    where the judge is no better than chance (Se + Sp at most 1). Raises UsageError for other values.
    """
    known = ~np.isnan(labels)
    if not np.isin(labels[known], (0.0, 1.0)).all() or not np.isin(judge, (0.0, 1.0)).all():
        raise UsageError("labels and the judge must be 0 or 1")
    codes = np.arange(len(labels)) if clusters is None else clusters
    yes, no, rest = known & (labels == 1), known & (labels == 0), ~known
    counts = int(known.sum()), int(rest.sum())
    if min(yes.sum(), no.sum()) < 2 or not rest.any():
        return Powered(None, None, 0, *counts, reason="needs two labels of either kind, and items without a label")
    sensitivity, specificity = float(judge[yes].mean()), 1 - float(judge[no].mean())
    gain = sensitivity + specificity - 1
    if gain <= 0:
        return Powered(None, None, 0, *counts, reason="the judge is no better than chance on the labelled items")
    value = float(rogan_gladen(judge[rest].mean(), sensitivity, specificity))
    influence = (
        _influence(judge, rest, codes)
        - value * _influence(judge, yes, codes)
        - (1 - value) * _influence(judge, no, codes)
    ) / gain
    groups = len(np.unique(codes[known]))
    classical = float(labels[known].mean())
    own = _error(_influence(np.where(known, labels, 0.0), known, codes), codes)
    inside = min(1.0, max(0.0, value))
    return Powered(inside, _error(influence, codes), groups - 1, *counts, None, classical, own, (0.0, 1.0))


def _influence(values: Array, chosen: NDArray[np.bool_], codes: NDArray[np.int64]) -> Array:
    """What each item [n] moves the mean of the chosen ones by, with the correction for few clusters of them."""
    groups = len(np.unique(codes[chosen]))
    moved = np.where(chosen, values - values[chosen].mean(), 0.0) / int(chosen.sum())
    return np.asarray(moved * math.sqrt(groups / (groups - 1)) if groups > 1 else moved)


def _sums(influence: Array, codes: NDArray[np.int64]) -> Array:
    return np.bincount(np.unique(codes, return_inverse=True)[1], influence).astype(float)


def _error(influence: Array, codes: NDArray[np.int64]) -> float:
    return float(np.sqrt((_sums(influence, codes) ** 2).sum()))


def _trust(own: Array, moved: Array) -> float:
    """The lam that makes the variance smallest, between 0 and 1."""
    spread = float(moved @ moved)
    return min(1.0, max(0.0, -float(own @ moved) / spread)) if spread > 0 else 0.0
