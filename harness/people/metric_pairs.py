"""Pairs of scores of people and of a metric: concordant, discordant, tied; the Kendall variants; calibration of ties.

Rows [rows, systems] are grouped: a pair lies within a row, a statistic is taken per row and averaged over rows.
Missing scores (NaN on either side) leave their pairs out, and a row without a statistic is dropped and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Array

Variant = Literal["a", "b", "c", "10", "13", "14", "23", "acc23"]
VARIANTS: tuple[Variant, ...] = ("a", "b", "c", "10", "13", "14", "23", "acc23")


@dataclass(frozen=True, slots=True)
class PairCounts:
    """Kinds of pairs of one row; ``human``, ``metric`` and ``both``: tied on that side alone, or on both.

    ``levels``: the fewer distinct values of the two sides, which tau-c needs.
    """

    concordant: int
    discordant: int
    human: int
    metric: int
    both: int
    levels: int

    @property
    def pairs(self) -> int:
        return self.concordant + self.discordant + self.human + self.metric + self.both

    def statistic(self, variant: Variant) -> float:
        """A Kendall variant, NaN where undefined: a, b, c (Stuart's), WMT's 10, 13 and 14 (which leave ties in the
        human scores out), 23, and acc23 = (23 + 1) / 2, pairwise accuracy with ties (Deutsch et al. 2023).
        """
        c, d, all_pairs = self.concordant, self.discordant, self.pairs
        if variant == "b":
            free = (all_pairs - self.human - self.both) * (all_pairs - self.metric - self.both)
            return _ratio(c - d, free**0.5)
        if variant == "c":
            n = (1 + (1 + 8 * all_pairs) ** 0.5) / 2
            return _ratio(2 * (c - d) * self.levels, n * n * (self.levels - 1))
        below = {
            "a": (c - d, all_pairs),
            "10": (c - d - self.metric, c + d + self.metric),
            "13": (c - d, c + d),
            "14": (c - d, c + d + self.metric),
            "23": (c + self.both - d - self.human - self.metric, all_pairs),
            "acc23": (c + self.both, all_pairs),
        }
        if variant not in below:
            raise UnknownName("variant", variant, VARIANTS)
        return _ratio(*below[variant])


def count_pairs(human: Array, metric: Array, epsilon: float = 0.0) -> PairCounts:
    """Kinds of the pairs of two rows [systems]; the metric ties where it differs by ``epsilon`` at most."""
    kept = ~(np.isnan(human) | np.isnan(metric))
    human, metric = human[kept], metric[kept]
    i, j = np.triu_indices(len(human), 1)
    people, said = human[i] - human[j], metric[i] - metric[j]
    said = np.where(np.abs(said) <= epsilon, 0.0, said)
    product, ties, same = np.sign(people) * np.sign(said), people == 0, said == 0
    return PairCounts(
        int((product > 0).sum()),
        int((product < 0).sum()),
        int((ties & ~same).sum()),
        int((~ties & same).sum()),
        int((ties & same).sum()),
        min(len(np.unique(human)), len(np.unique(metric))) if len(human) else 0,
    )


@dataclass(frozen=True, slots=True)
class Averaged:
    """A mean over rows; ``rows`` that have the statistic, and ``dropped`` ones that have none. None without any."""

    value: float | None
    rows: int
    dropped: int


def averaged(values: Array) -> Averaged:
    """Mean of what is a number."""
    kept = values[np.isfinite(values)]
    return Averaged(float(kept.mean()) if len(kept) else None, len(kept), len(values) - len(kept))


def kendall(human: Array, metric: Array, variant: Variant = "b", epsilon: float = 0.0) -> Averaged:
    """Mean over rows [rows, systems] of a Kendall variant."""
    rows = zip(human, metric, strict=True)
    return averaged(np.array([count_pairs(*row, epsilon).statistic(variant) for row in rows]))


# ------------------------------------------------------------------------------------------------------ ties calibrated
@dataclass(frozen=True, slots=True)
class TieCalibration:
    """Mean pairwise accuracy by threshold: ``thresholds`` [t] with 0 first, ``accuracies`` [t], and the best of them.

    The ``best`` is chosen on the same scores that it is stated for, as published: it is optimistic. ``dropped`` rows
    have no pair.
    """

    thresholds: Array
    accuracies: Array
    rows: int
    dropped: int

    @property
    def best(self) -> tuple[float, float]:
        """(threshold, accuracy): the smallest threshold of those with the greatest accuracy."""
        at = int(np.argmax(np.round(self.accuracies, 12)))  # sums in another order are no better
        return float(self.thresholds[at]), float(self.accuracies[at])


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Of every pair within a row: its row, the metric's difference, and whether it is right as it is and once tied."""

    row: NDArray[np.int64]
    gap: Array
    right: NDArray[np.bool_]
    tied: NDArray[np.bool_]


def calibrate_ties(human: Array, metric: Array) -> TieCalibration:
    """Accuracy (acc23) of every threshold that ties something, over rows [rows, systems].

    Deutsch, Foster and Freitag, Ties Matter (2023): pairs are tied in the order of their difference.
    Raises UsageError where no row has a pair.
    """
    pairs = _pairs(human, metric)
    counts = np.bincount(pairs.row, minlength=len(human))
    rows = int((counts > 0).sum())
    if not rows:
        raise UsageError("no row has two systems with scores of both people and the metric")
    order = np.argsort(pairs.gap, kind="stable")
    share = 1 / counts[pairs.row[order]]
    change = np.cumsum((pairs.tied[order].astype(float) - pairs.right[order]) * share)
    gaps = pairs.gap[order]
    last = np.append(gaps[1:] != gaps[:-1], True)
    start = float((pairs.right / counts[pairs.row]).sum())
    thresholds, totals = gaps[last], start + change[last]
    if thresholds[0] > 0:
        thresholds, totals = np.append(0.0, thresholds), np.append(start, totals)
    return TieCalibration(thresholds, totals / rows, rows, len(human) - rows)


def cross_fitted(human: Array, metric: Array, folds: int = 5, seed: int = 0) -> Averaged:
    """Pairwise accuracy with the threshold of each fold of rows chosen on the other folds: not optimistic."""
    pairs = _pairs(human, metric)
    usable = np.unique(pairs.row)
    if len(usable) < 2:
        return Averaged(None, 0, len(human))
    fold = np.random.default_rng(seed).permutation(len(usable)) % min(folds, len(usable))
    values = np.full(len(human), np.nan)
    for number in range(fold.max() + 1):
        held, others = usable[fold == number], usable[fold != number]
        threshold, _ = calibrate_ties(human[others], metric[others]).best
        for row in held:
            values[row] = count_pairs(human[row], metric[row], threshold).statistic("acc23")
    return averaged(values)


def _pairs(human: Array, metric: Array) -> _Pairs:
    same_shape(human, metric)
    i, j = np.triu_indices(human.shape[1], 1)
    people, said = human[:, i] - human[:, j], metric[:, i] - metric[:, j]
    row, at = np.nonzero(~(np.isnan(people) | np.isnan(said)))
    people, said = people[row, at], said[row, at]
    return _Pairs(row, np.abs(said), np.sign(people) == np.sign(said), people == 0)


def same_shape(human: Array, metric: Array) -> None:
    """Raises UsageError for scores of people and of a metric that are not of the same texts."""
    if human.shape != metric.shape:
        raise UsageError(f"the scores of people have the shape {human.shape}, those of the metric {metric.shape}")


def _ratio(above: float, below: float) -> float:
    return above / below if below else float("nan")
