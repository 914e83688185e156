"""Formulas of intervals: numbers in, two ends out, and no end ever lies outside the range of its number.

``reach`` is the quantile that the level asks for (1.96, or Student's t), ``bounds`` the range (low, high) of a number;
an infinite end is no limit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.types import Array

Ends = tuple[float, float]


def quantile(share: float, freedom: float = math.inf) -> float:
    """Of Student's t distribution; of the normal one where ``freedom`` is infinite."""
    from scipy.special import ndtri, stdtrit

    return float(ndtri(share) if freedom == math.inf else stdtrit(freedom, share))


def wilson(share: float, n: float, z: float) -> Ends:
    """Wilson's score interval of a share of ``n`` (may be an effective size) at quantile ``z`` (Wilson 1927)."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half) if share > 0 else 0.0, min(1.0, middle + half) if share < 1 else 1.0


def clopper_pearson(hits: int, n: int, level: float = 0.95) -> Ends:
    """Exact interval of a share of ``n`` independent cases (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(betaincinv(hits, n - hits + 1, tail))
    return low, 1.0 if hits == n else float(betaincinv(hits + 1, n - hits, 1 - tail))


def score(value: float, error: float, bounds: Ends, reach: float) -> Ends:
    """Wilson's interval of any bounded number, at the size n at which a proportion would have this standard error.

    The number must lie between its bounds, not on one of them.
    """
    low, span = bounds[0], bounds[1] - bounds[0]
    share = (value - low) / span
    ends = wilson(share, share * (1 - share) / (error / span) ** 2, reach)
    return low + span * ends[0], min(bounds[1], low + span * ends[1])


def relative(value: float, error: float, reach: float) -> Ends:
    """Interval of a number above 0 in the logarithm: value * exp(-+ reach * error / value). Infinite if too wide."""
    exponent = reach * error / value
    return value * math.exp(-exponent), value * math.exp(exponent) if exponent < 700 else math.inf


def around(value: float, error: float, bounds: Ends, reach: float) -> Ends:
    """Interval of a number by the range that it has: ``score``, ``relative`` to the only limit, or value -+ reach."""
    low, high = bounds
    if math.isfinite(low) and math.isfinite(high):
        return score(value, error, bounds, reach)
    if math.isfinite(low):
        ends = relative(value - low, error, reach)
        return low + ends[0], low + ends[1]
    return value - reach * error, value + reach * error


def difference_bounds(low: float, high: float) -> Ends:
    """The range of a difference between two numbers from ``low`` to ``high``; without limits where one is open."""
    span = high - low
    return -span, span


def independent_difference(one: float, ends: Ends, other: float, others: Ends) -> Ends:
    """Interval of ``one`` less ``other``, which are of different things, from theirs (MOVER, Zou and Donner 2008).

    Of two shares with Wilson's intervals it is the tenth method of Newcombe (1998).
    """
    gap = one - other
    return gap - math.hypot(one - ends[0], others[1] - other), gap + math.hypot(ends[1] - one, other - others[0])


def unseen(n: float, level: float = 0.95) -> float:
    """The largest share of cases that may differ although ``n`` cases were alike (Clopper and Pearson 1934).

    1 - ((1 - level) / 2)^(1 / n), about 3.7 / n: the exact form of the rule of three, for one side of the interval.
    """
    return 1.0 - float(((1 - level) / 2) ** (1 / n))


def alike(value: float, bounds: Ends, n: float, level: float = 0.95) -> Ends:
    """Interval of a number whose ``n`` cases are all alike: the ``unseen`` share of them may lie at either bound."""
    share, value = unseen(n, level), min(max(value, bounds[0]), bounds[1])
    return value - share * (value - bounds[0]), value + share * (bounds[1] - value)


# ------------------------------------------------------------------------------------------------------------ 0/1 pairs
def tango_z(broken: int, fixed: int, n: int, difference: float) -> float:
    """Score statistic of "the true difference of two paired proportions is ``difference``" (Tango 1998).

    ``fixed`` of ``n`` pairs are 0 first and 1 second, ``broken`` the other way; the difference is second - first.
    """
    gap = fixed - broken - n * difference
    b = (2 * n - fixed + broken) * difference - broken - fixed
    c = -broken * difference * (1 - difference)
    rare = max(0.0, (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n))
    variance = n * (2 * rare + difference * (1 - difference))
    if variance <= 0:
        return math.copysign(math.inf, gap) if gap else 0.0
    return gap / math.sqrt(variance)


def tango(broken: int, fixed: int, n: int, z: float) -> Ends:
    """Tango's score interval of the difference of two paired proportions, within [-1, 1], by bisection."""
    seen = (fixed - broken) / n

    def end(outside: float) -> float:
        inside = seen
        for _ in range(50):
            middle = (inside + outside) / 2
            kept = abs(tango_z(broken, fixed, n, middle)) <= z
            inside, outside = (middle, outside) if kept else (inside, middle)
        return inside

    return end(-1.0), end(1.0)


# -------------------------------------------------------------------------------------------------- sums of absolutes
def noise(gaps: Array, errors: Array, shift: float = 0.0) -> float:
    """What noise adds on average to a sum of |gaps|, if each true gap is ``shift`` errors nearer to 0 than it was seen.

    Of a normal gap with mean m: E|gap| - |m|, the mean of the folded normal distribution less |m|.
    """
    from scipy.special import ndtr

    gaps, errors = np.abs(gaps[errors > 0]), errors[errors > 0]
    true = np.maximum(0.0, gaps - shift * errors)
    z = true / errors
    folded = errors * (math.sqrt(2 / math.pi) * np.exp(-z * z / 2) + z * (1 - 2 * ndtr(-z)))
    return float((folded - true).sum())
