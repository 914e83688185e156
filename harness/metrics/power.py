"""Many tests at once, and how large a difference must be to be detected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.metrics.intervals import quantile

if TYPE_CHECKING:
    from harness.metrics.intervals import Ends


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p values that keep the chance of any false alarm (Holm 1979)."""
    values, count = np.asarray(p, dtype=float), len(p)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * np.arange(count, 0, -1)))
    return [float(x) for x in adjusted]


def detectable(error: float, freedom: float = np.inf, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Smallest true difference that a two-sided t test with this standard error finds with this power (Bloom 1995).

    ``freedom``: degrees of freedom of the error, clusters - 1; infinite for the normal distribution.
    """
    return (quantile(1 - alpha / 2, freedom) + quantile(power, freedom)) * error


def error_of(low: float, high: float, freedom: float = np.inf, alpha: float = 0.05) -> float:
    """Standard error of a number with this interval at 1 - ``alpha``, if that used t with ``freedom``."""
    return (high - low) / (2 * quantile(1 - alpha / 2, freedom))


def widened(value: float, low: float, high: float, alpha: float, freedom: float = np.inf) -> Ends:
    """A 95 % interval at level 1 - alpha; with .05 / k, k such intervals hold together (Bonferroni)."""
    factor = quantile(1 - alpha / 2, freedom) / quantile(0.975, freedom)
    return value - factor * (value - low), value + factor * (high - value)


def needed(error: float, n: int, difference: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Examples needed to detect ``difference``, if ``n`` gave the standard error ``error`` (it falls as 1/sqrt(n))."""
    return int(np.ceil(n * (detectable(error, alpha=alpha, power=power) / difference) ** 2))
