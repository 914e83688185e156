"""Metrics of whole answers: computed from all outcomes at once, since no values of single examples sum to them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.types import Better, Metric, Outcome

if TYPE_CHECKING:
    from harness.types import Array

Compute = Callable[[Sequence[Outcome]], float]
"""Judged outcomes, at least one -> a number; NaN where it is undefined."""


def over_outcomes(
    name: str,
    compute: Compute,
    *,
    better: Better = "higher",
    bounds: tuple[float, float] = (-math.inf, math.inf),
    limits: str = "",
    signature: str = "",
    affordable: int | None = None,
) -> Metric:
    """A metric of whole answers; up to ``affordable`` examples it has an interval, None: it has none."""
    return Metric(
        name=name,
        reduce=_undefined,
        over=compute,
        better=better,
        bounds=bounds,
        limits=limits,
        signature=signature,
        interval="none" if affordable is None else "jackknife",
        affordable=affordable,
        additive=False,
    )


def answers(outcomes: Sequence[Outcome]) -> list[str]:
    """What was answered, as the judge of the task extracted it."""
    return [outcome.judged.prediction for outcome in outcomes if outcome.judged]


def placed(metric: Metric, outcomes: Sequence[Outcome]) -> tuple[Metric, Array]:
    """The metric as one of rows [n, 1], each the place of an outcome, so that statistics may leave some out."""
    compute = metric.over
    assert compute, f"{metric.name} is a metric of values"

    def reduce(rows: Array, n: Array) -> Array:
        return np.asarray(compute([outcomes[int(place)] for place in rows[:, 0]]))

    return replace(metric, reduce=reduce, over=None), np.arange(float(len(outcomes)))[:, None]


def _undefined(rows: Array, n: Array) -> Array:
    """No number follows from values of single examples."""
    return np.asarray(math.nan)
