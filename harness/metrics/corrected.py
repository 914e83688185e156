"""Shares that a fallible judge gave, corrected for its errors (Rogan and Gladen 1978)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.metrics.classify import first_over_n
from harness.metrics.stats import quantile
from harness.types import Better, Errors, Metric

if TYPE_CHECKING:
    from harness.types import Array


def rogan_gladen(share: Array, sensitivity: float, specificity: float) -> Array:
    """The true share behind a detected one, which may lie outside of 0..1: (p + Sp - 1) / (Se + Sp - 1).

    Of no use where Se + Sp is 1 or less.
    """
    return (share + specificity - 1) / (sensitivity + specificity - 1)


def corrected_share(share: Array, errors: Errors) -> Array:
    """The true share behind a detected one (Rogan and Gladen 1978), within 0..1; NaN for a detector of no use."""
    sensitivity, specificity = errors.found / errors.positives, errors.passed / errors.negatives
    if sensitivity + specificity <= 1:
        return np.asarray(share) * np.nan
    return np.clip(rogan_gladen(np.asarray(share), sensitivity, specificity), 0.0, 1.0)


def corrected_interval(share: float, n: float, errors: Errors, *, level: float = 0.95) -> tuple[float, float]:
    """Interval of the true share that carries the uncertainty of both error rates (Lang and Reiczigel 2014).

    ``share`` was detected among ``n`` (may be an effective size). (0, 1) for a detector of no use.
    """
    z = quantile((1 + level) / 2)
    size, positives, negatives = n + z * z, errors.positives + 2, errors.negatives + 2
    detected, sensitivity, specificity = (
        (share * n + z * z / 2) / size,
        (errors.found + 1) / positives,
        (errors.passed + 1) / negatives,
    )
    useful = sensitivity + specificity - 1
    if useful <= 0:
        return 0.0, 1.0
    middle = min(1.0, max(0.0, (detected + specificity - 1) / useful))
    of_positives = sensitivity * (1 - sensitivity) / positives
    of_negatives = specificity * (1 - specificity) / negatives
    shift = 2 * z * z * (middle * of_positives - (1 - middle) * of_negatives)
    variance = detected * (1 - detected) / size + middle**2 * of_positives + (1 - middle) ** 2 * of_negatives
    half = z * math.sqrt(variance) / useful
    return max(0.0, middle + shift - half), min(1.0, middle + shift + half)


def corrected(
    name: str, errors: Errors, *, better: Better, limits: str = "", signature: str = "", kind: str = ""
) -> Metric:
    """The share of 0/1 values that a detector gave, corrected for its errors."""

    def reduce(sums: Array, n: Array) -> Array:
        return corrected_share(first_over_n(sums, n), errors)

    return Metric(
        name=name,
        reduce=reduce,
        better=better,
        interval="wilson",
        bounds=(0.0, 1.0),
        errors=errors,
        limits=limits,
        signature=signature,
        kind=kind,
    )
