"""Two runs on the same examples: the difference of a metric with its interval, and the tests of "no difference"."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.metrics import intervals
from harness.metrics.confidence import may_be_proportion
from harness.metrics.resample import cluster_sums, jackknife_error, left_out, point, summed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.metrics.intervals import Ends
    from harness.types import Array, Metric

EXACT = 13
"""Clusters that differ, up to which the swap test counts all 2^13 swaps instead of drawing some."""
FEW = 10
"""Clusters that differ, up to which the exact p is known even where nobody asks for a test."""
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Paired:
    """Second minus first of a metric on the same examples: 95 % interval, two-sided p and the test that gave it.

    ``error`` is the cluster-jackknife standard error, ``freedom`` its degrees of freedom; None below two clusters.
    ``discordant``: (1 to 0, 0 to 1) of unclustered 0/1 values, which count ``unit`` each; None for all other values.
    ``changed`` clusters differ between the runs. ``least``: the exact p where that costs nothing, else no more than it.
    ``span``: how much one example can differ at most, the metric's range or what was seen; None where nothing tells.
    """

    first: float
    second: float
    difference: float
    low: float | None
    high: float | None
    error: float | None
    freedom: int
    p: float | None
    test: str
    n: int
    clusters: int
    discordant: tuple[int, int] | None = None
    unit: float = 1.0
    changed: int = 0
    least: float = 0.0
    span: float | None = None
    bounds: Ends = (-math.inf, math.inf)

    def interval(self, level: float = 0.95) -> Ends | None:
        """Ends within the metric's range; None where nothing tells how uncertain the difference is.

        Unclustered 0/1 values: Tango's score interval; else difference -+ t * error, or ``intervals.alike`` where no
        error is seen. Where the exact test has no p below 1 - level the interval holds 0, and, where besides most
        clusters did not change, all that a run of no changes allows.
        """
        if self.error is None:
            return None
        if self.discordant:
            low, high = intervals.tango(*self.discordant, self.n, intervals.quantile((1 + level) / 2))
            low, high = self.unit * low, self.unit * high
        elif self.error > 0:
            half = intervals.quantile((1 + level) / 2, self.freedom) * self.error
            low, high = self.difference - half, self.difference + half
        elif self.span:
            low, high = intervals.alike(self.difference, (-self.span, self.span), self.clusters, level)
        else:
            return None
        if self.least >= 1 - level - ROUNDING:
            few = not self.discordant and self.span and 2 * self.changed <= self.clusters
            reach = intervals.unseen(self.clusters, level) * self.span if few and self.span else 0.0
            low, high = min(low, 0.0 - reach), max(high, reach)  # 0.0 - 0.0 is not -0.0
        return max(low, self.bounds[0]), min(high, self.bounds[1])

    def p_of(self, difference: float) -> float | None:
        """Two-sided p of "the true difference is ``difference``"; ``interval`` holds what has a p of 1 - level or more.

        None where there is no interval.
        """
        from scipy.special import ndtr, stdtr

        if self.error is None or (self.error == 0 and not self.discordant and not self.span):
            return None
        gap = self.difference - difference
        if self.discordant:
            z = intervals.tango_z(*self.discordant, self.n, difference / self.unit)
            p = 2 * float(ndtr(-abs(z)))
        elif self.error > 0:
            p = 2 * float(stdtr(self.freedom, -abs(gap) / self.error))
        else:
            room = (self.span or 0.0) + math.copysign(self.difference, gap * self.difference)
            p = 2 * max(0.0, 1 - abs(gap) / room) ** self.clusters if room > 0 else 0.0
        return min(1.0, max(p, self.least))


def paired(
    metric: Metric,
    first: Array,
    second: Array,
    clusters: NDArray[np.int64],
    *,
    level: float = 0.95,
    seed: int = 0,
    tested: bool = True,
) -> Paired:
    """Compare two models on the same examples; rows [n, k] each, cluster codes [n].

    p: exact McNemar for unclustered 0/1 values, swaps of the two sides of clusters for everything else; ``tested``
    False leaves it out, which saves nearly all of the time. Where p is above 1 - level the interval holds 0.
    """
    (_, one), (metric, two) = summed(metric, first, clusters), summed(metric, second, clusters)
    _, groups = np.unique(clusters, return_inverse=True)
    count, n = int(groups.max()) + 1, len(one)
    values = point(metric, one), point(metric, two)
    difference = values[1] - values[0]
    unknown = Paired(*values, difference, None, None, None, count - 1, None, "none below two clusters", n, count)
    if count < 2 or not np.isfinite(difference):
        return unknown
    without = left_out(metric, one, groups), left_out(metric, two, groups)
    error = jackknife_error(without[1] - without[0], difference)
    span, bounds = _span(metric, values, without)
    if not np.isfinite(error):
        return replace(unknown, test="none: undefined without a cluster")
    if error <= 1e-12 * max(map(abs, (*values, span or 0.0))):  # equal but for rounding
        error = 0.0
    discordant = _discordant(metric, one, two, count)
    changed = len(np.unique(groups[(one != two).any(axis=1)]))
    least = _least(metric, one, two, groups, discordant, changed)
    p, test = _test(metric, one, two, groups, discordant, seed) if tested else (None, "not tested")
    known = replace(unknown, error=error, freedom=len(without[0]) - 1, p=p, test=test, discordant=discordant)
    known = replace(known, unit=metric.scale, changed=changed, least=least, span=span, bounds=bounds)
    ends = replace(known, least=max(least, p or 0.0)).interval(level)
    return replace(known, low=ends[0], high=ends[1]) if ends else known


def _span(metric: Metric, values: tuple[float, float], without: tuple[Array, Array]) -> tuple[float | None, Ends]:
    """The metric's range, or else how far the clusters' pseudo-values spread; and the bounds of a difference."""
    low, high = metric.bounds
    if math.isfinite(high - low):
        return high - low, intervals.difference_bounds(low, high)
    count = len(without[0])
    pseudo = np.concatenate([count * v - (count - 1) * w for v, w in zip(values, without, strict=True)])
    spread = float(np.ptp(pseudo))
    return (spread if spread > ROUNDING * float(np.abs(pseudo).max()) else None), (-math.inf, math.inf)


def _discordant(metric: Metric, first: Array, second: Array, count: int) -> tuple[int, int] | None:
    """Pairs of 0/1 values that are (1 then 0, 0 then 1); None where values are others or examples share clusters."""
    if not may_be_proportion(metric) or first.shape[1] > 1 or count < len(first):
        return None
    if not (_binary(first) and _binary(second)):
        return None
    gap = second - first
    return int((gap < 0).sum()), int((gap > 0).sum())


def _binary(rows: Array) -> bool:
    return bool(((rows == 0) | (rows == 1)).all())


# --------------------------------------------------------------------------------------------------------------- tests
def mcnemar(broken: int, fixed: int) -> float:
    """Exact two-sided McNemar test: under no difference a discordant pair is either kind with probability 1/2."""
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(broken, fixed), broken + fixed, 0.5)))


def swap_test(
    metric: Metric, first: Array, second: Array, groups: NDArray[np.int64], *, seed: int = 0, resamples: int = 10_000
) -> float:
    """Two-sided p of "which side is which means nothing": the two sides of whole clusters are swapped at random.

    Of a mean these are flips of the signs of the clusters' differences. All swaps are counted where at most EXACT
    clusters differ, so that p is exact there; else ``resamples`` are drawn. Rows [n, k], cluster codes 0..G-1 [n].
    """
    n, generator = np.asarray(float(len(first))), np.random.default_rng(seed)
    one, two, moved = first, second, second - first
    if metric.additive:
        sums, _ = cluster_sums(moved, groups)
        moved = sums[(sums != 0).any(axis=1)]
        one, two = first.sum(axis=0), second.sum(axis=0)
    count = len(moved) if metric.additive else int(groups.max()) + 1
    observed = abs(float(metric.reduce(two, n) - metric.reduce(one, n)))
    least, extreme, total = observed * (1 - ROUNDING), 0, 0
    for swapped in _swaps(count, generator, resamples, moved.size):
        change = swapped @ moved if metric.additive else swapped[:, groups, None] * moved
        gaps = np.abs(metric.reduce(two - change, n) - metric.reduce(one + change, n))
        extreme += int((~(gaps < least)).sum())  # what is undefined counts against a difference
        total += len(gaps)
    return extreme / total if count <= EXACT else (extreme + 1) / (total + 1)


def _swaps(count: int, generator: np.random.Generator, resamples: int, size: int) -> Iterator[Array]:
    """Which clusters are swapped [chunk, count], as 0 and 1: all ways where ``count`` is at most EXACT, else draws."""
    if count <= EXACT:
        yield ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(float)
        return
    chunk = max(1, 2_000_000 // max(count, size))
    for start in range(0, resamples, chunk):
        yield generator.integers(0, 2, (min(chunk, resamples - start), count), dtype=np.int8).astype(float)


def _least(
    metric: Metric,
    first: Array,
    second: Array,
    groups: NDArray[np.int64],
    discordant: tuple[int, int] | None,
    changed: int,
) -> float:
    """The exact p where it is cheap, else the smallest that the exact test has with so many changed clusters."""
    if discordant:
        return mcnemar(*discordant)
    if metric.additive and changed <= FEW:
        return swap_test(metric, first, second, groups)
    return float(min(1.0, 2.0 ** (1 - changed)))


def _test(
    metric: Metric,
    first: Array,
    second: Array,
    groups: NDArray[np.int64],
    discordant: tuple[int, int] | None,
    seed: int,
) -> tuple[float | None, str]:
    if discordant:
        return mcnemar(*discordant), "exact McNemar"
    if metric.affordable is not None:
        return None, "not tested: the metric is computed anew for every swap"
    mean = metric.interval in ("wilson", "t") and first.shape[1] == 1
    resamples = 10_000 if metric.additive else 1_000
    p = swap_test(metric, first, second, groups, seed=seed, resamples=resamples)
    return p, "sign flips of clusters" if mean else "swaps of clusters"
