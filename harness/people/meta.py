"""How far a metric agrees with people: correlations of systems and of segments, soft pairwise accuracy, paired tests.

Scores of people and of the metric are matrices [segments, systems] of the same shape, NaN where one is missing; higher
is better on both sides (turn a metric around where it is not). Systems are taken as they are; segments are drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.errors import UnknownName
from harness.metrics.intervals import quantile
from harness.metrics.resample import jackknife_error
from harness.people.metric_pairs import (
    Averaged,
    averaged,
    calibrate_ties,
    count_pairs,
    cross_fitted,
    kendall,
    same_shape,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.metrics.intervals import Ends
    from harness.types import Array

Correlation = Literal["pearson", "spearman", "kendall"]
CORRELATIONS: tuple[Correlation, ...] = ("pearson", "spearman", "kendall")
Grouping = Literal["none", "item", "system"]
GROUPINGS: tuple[Grouping, ...] = ("none", "item", "system")
Statistic = Callable[["Array", "Array"], float]
"""(scores of people, scores of the metric), both [segments, systems] -> a number, NaN where it is undefined."""
BLOCKS = 50
"""Blocks of segments that the jackknife leaves out, at most."""
ROUNDING = 1e-9


def correlation(human: Array, metric: Array, name: Correlation) -> tuple[float, float]:
    """(correlation, two-sided p) of two rows without the places where one is missing; NaN where a side is constant."""
    from scipy import stats

    if name not in CORRELATIONS:
        raise UnknownName("correlation", name, CORRELATIONS)
    kept = ~(np.isnan(human) | np.isnan(metric))
    human, metric = human[kept], metric[kept]
    if len(human) < 2 or np.ptp(human) == 0 or np.ptp(metric) == 0:
        return float("nan"), float("nan")
    test = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}[name]
    value, p = test(human, metric)
    return float(value), float(p)


def segment_level(
    human: Array, metric: Array, name: Correlation, by: Grouping = "none", *, significant: float | None = None
) -> Averaged:
    """Correlation of segments: over all scores together, or the mean over items or over systems of those within.

    Items with a constant side have none and are counted as dropped. ``significant``: only those with a p of at most
    that count, as REALSumm published its averages (.05), which makes them larger; leave it out for the honest mean.
    """
    human, metric = _grouped(human, metric, by)
    pairs = [correlation(*row, name) for row in zip(human, metric, strict=True)]
    return averaged(np.array([v if significant is None or p <= significant else np.nan for v, p in pairs]))


def system_scores(human: Array, metric: Array) -> tuple[Array, Array, int]:
    """(means of people, means of the metric [systems], scores left out): over segments that both sides scored."""
    kept = ~(np.isnan(human) | np.isnan(metric))
    counts = kept.sum(axis=0)
    means = (
        np.where(counts > 0, np.where(kept, side, 0.0).sum(axis=0) / np.maximum(counts, 1), np.nan)
        for side in (human, metric)
    )
    dropped = int((~np.isnan(human) ^ ~np.isnan(metric)).sum())
    return next(means), next(means), dropped


def system_level(human: Array, metric: Array, name: Correlation) -> float:
    """Correlation of the systems' mean scores."""
    people, said, _ = system_scores(human, metric)
    return correlation(people, said, name)[0]


def pairwise_accuracy(human: Array, metric: Array) -> float:
    """Share of the pairs of systems that the metric's means order as people's do (Kocmi et al. 2021); ties are wrong
    unless both sides tie.
    """
    people, said, _ = system_scores(human, metric)
    return count_pairs(people, said).statistic("acc23")


def soft_pairwise_accuracy(human: Array, metric: Array, draws: int = 1000, seed: int = 4) -> float:
    """1 - mean over pairs of systems of the difference of two p values: that of people and that of the metric for "the
    first is better" (Thompson et al., Soft Pairwise Accuracy, 2024); both p from the same random swaps of segments.

    Segments without all scores are left out. NaN below two systems or without segments.
    """
    complete = ~(np.isnan(human) | np.isnan(metric)).any(axis=1)
    human, metric = human[complete], metric[complete]
    segments, systems = human.shape
    if systems < 2 or not segments:
        return float("nan")
    signs = np.where(np.random.default_rng(seed).random((draws, segments), dtype=np.float32) > 0.5, 1.0, -1.0)
    gaps = np.abs(_better(human, signs) - _better(metric, signs))
    return float(1 - gaps[np.triu_indices(systems, 1)].mean())


def _better(scores: Array, signs: Array) -> Array:
    """One-sided p [systems, systems] of "the row's system is better than the column's" under swaps [draws, n]."""
    swapped, seen = signs @ scores, scores.sum(axis=0)
    reach = ROUNDING * max(1.0, float(np.abs(scores).sum(axis=0).max()))
    null = swapped[:, :, None] - swapped[:, None, :]
    return np.asarray((null >= seen[:, None] - seen[None, :] - reach).mean(axis=0))


# ------------------------------------------------------------------------------------------------------ all of a metric
def _systems(name: Correlation) -> Statistic:
    return lambda human, metric: system_level(human, metric, name)


def _segments(name: Correlation, by: Grouping) -> Statistic:
    return lambda human, metric: _value(segment_level(human, metric, name, by))


def _calibrated(human: Array, metric: Array) -> float:
    """The best accuracy that a threshold of ties reaches; NaN where no segment has two systems with both scores."""
    both = ~(np.isnan(human) | np.isnan(metric))
    return calibrate_ties(human, metric).best[1] if (both.sum(axis=1) > 1).any() else float("nan")


STATISTICS: dict[str, Statistic] = {
    **{f"system_{name}": _systems(name) for name in CORRELATIONS},
    "system_accuracy": pairwise_accuracy,
    "soft_pairwise_accuracy": soft_pairwise_accuracy,
    **{f"segment_{name}": _segments(name, "none") for name in CORRELATIONS},
    **{f"segment_{name}_by_item": _segments(name, "item") for name in CORRELATIONS},
    "segment_accuracy": lambda human, metric: _value(kendall(human, metric, "acc23")),
    "segment_accuracy_tied": lambda human, metric: _value(cross_fitted(human, metric)),
    "segment_accuracy_tied_as_published": _calibrated,
}
"""Name -> statistic: ties are calibrated on other segments (``tied``), or on the same ones (``as_published``)."""


@dataclass(frozen=True, slots=True)
class Agrees:
    """A statistic of one metric against people, with the standard error over segments; None where it is undefined.

    ``dropped``: items that a mean over items leaves out, since one side is constant or has fewer than two scores.
    """

    statistic: str
    value: float | None
    error: float | None
    freedom: int
    dropped: int = 0

    def interval(self, level: float = 0.95) -> Ends | None:
        """Ends by Student's t, within -1 to 1."""
        if self.value is None or self.error is None:
            return None
        half = quantile((1 + level) / 2, self.freedom) * self.error
        return max(-1.0, self.value - half), min(1.0, self.value + half)


def agrees(
    human: Array, metric: Array, statistic: str, clusters: NDArray[np.int64] | None = None, seed: int = 0
) -> Agrees:
    """A statistic with its error by leaving out blocks of whole clusters of segments. Raises UsageError."""
    same_shape(human, metric)
    measure = _measure(statistic)
    value, dropped = measure(human, metric), _dropped(human, metric, statistic)
    if not np.isfinite(value):
        return Agrees(statistic, None, None, 0, dropped)
    _, codes = np.unique(np.arange(len(human)) if clusters is None else clusters, return_inverse=True)
    groups = int(codes.max()) + 1
    blocks = min(groups, BLOCKS)
    if blocks < 2:
        return Agrees(statistic, value, None, 0, dropped)
    block = (np.random.default_rng(seed).permutation(groups) % blocks)[codes]
    without = np.array([measure(human[block != b], metric[block != b]) for b in range(blocks)])
    error = jackknife_error(without, value)
    return Agrees(statistic, value, error if np.isfinite(error) else None, blocks - 1, dropped)


def _dropped(human: Array, metric: Array, statistic: str) -> int:
    """Items without the statistic, where it is a mean over items."""
    name = statistic.removeprefix("segment_").removesuffix("_by_item")
    if statistic.endswith("_by_item") and name in CORRELATIONS:
        return segment_level(human, metric, name, "item").dropped
    return kendall(human, metric, "acc23").dropped if statistic.startswith("segment_accuracy") else 0


@dataclass(frozen=True, slots=True)
class MetricTest:
    """Two metrics against the same people: the second's statistic less the first's, and the p of "no difference"."""

    first: float
    second: float
    p: float

    @property
    def difference(self) -> float:
        return self.second - self.first


def compare_metrics(
    human: Array,
    first: Array,
    second: Array,
    statistic: str,
    *,
    clusters: NDArray[np.int64] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> MetricTest:
    """Paired permutation test of two metrics (Deutsch, Dror and Roth 2021): both are standardised, whole clusters of
    segments change sides, and p is the share of draws that differ at least as much. Scores that one of the three lacks
    are left out of all.
    """
    same_shape(human, first)
    same_shape(human, second)
    missing = np.isnan(human) | np.isnan(first) | np.isnan(second)
    human = np.where(missing, np.nan, human)
    one, two = (_standardised(np.where(missing, np.nan, side)) for side in (first, second))
    measure = _measure(statistic)
    values = measure(human, one), measure(human, two)
    _, codes = np.unique(np.arange(len(human)) if clusters is None else clusters, return_inverse=True)
    rng, seen, extreme = np.random.default_rng(seed), abs(values[1] - values[0]), 0
    for _ in range(draws):
        swap = (rng.random(int(codes.max()) + 1) < 0.5)[codes][:, None]
        gap = measure(human, np.where(swap, one, two)) - measure(human, np.where(swap, two, one))
        extreme += abs(gap) >= seen - ROUNDING
    return MetricTest(*values, (1 + extreme) / (1 + draws))


def _standardised(scores: Array) -> Array:
    spread = float(np.nanstd(scores))
    return np.asarray((scores - np.nanmean(scores)) / spread if spread > 0 else scores * 0.0)


def _measure(statistic: str) -> Statistic:
    if statistic not in STATISTICS:
        raise UnknownName("statistic", statistic, STATISTICS)
    return STATISTICS[statistic]


def _grouped(human: Array, metric: Array, by: Grouping) -> tuple[Array, Array]:
    if by not in GROUPINGS:
        raise UnknownName("grouping", by, GROUPINGS)
    same_shape(human, metric)
    if by == "none":
        return human.reshape(1, -1), metric.reshape(1, -1)
    return (human, metric) if by == "item" else (human.T, metric.T)


def _value(mean: Averaged) -> float:
    return float("nan") if mean.value is None else mean.value
