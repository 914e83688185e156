"""Their aggregations as metrics of ours, with an interval wherever it can be afforded."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from numbers import Real
from typing import Any

import numpy as np

from harness.metrics import likelihood
from harness.metrics.classify import mean
from harness.metrics.whole import over_outcomes
from harness.types import Better, Metric, Outcome, Value

Aggregate = Callable[[list[Any]], Any]
"""The values of all examples -> one number."""
Raw = Callable[[Outcome], Mapping[str, Any]]
"""A judged outcome -> what ``process_results`` gave, by the name of the metric."""

AFFORDABLE, WRITTEN = 5_000, 200
"""Examples up to which an aggregation is computed again a hundred times for an interval; of texts."""
TEXTS = ("bleu", "chrf", "chrf++", "chrfpp", "ter", "rouge")


def metric_of(name: str, aggregate: Aggregate, higher: bool | None, raw: Raw) -> Metric:
    """The metric of an aggregation. Means and perplexities are ours, the rest calls theirs on the examples' values."""
    from lm_eval.api import metrics as theirs

    better: Better = "lower" if higher is False else "higher"
    if aggregate is theirs.mean:
        return mean(name, better=better)
    if aggregate in (theirs.perplexity, theirs.weighted_perplexity):
        return replace(likelihood.perplexity(name), better=better)
    if aggregate is theirs.bits_per_byte:
        return replace(likelihood.bits_per_byte, name=name, better=better)
    written = any(text in getattr(aggregate, "__name__", "").lower() for text in TEXTS)
    compute = partial(_over, name, aggregate, raw)
    return over_outcomes(name, compute, better=better, affordable=WRITTEN if written else AFFORDABLE)


def value_of(metric: Metric, value: Any) -> Value:
    """What an example gives to a metric of ours. Raises ValueError for what is no finite number."""
    parts = tuple(value) if isinstance(value, tuple | list) else (value,)
    if any(isinstance(part, str) or not isinstance(part, Real | np.number | np.bool_) for part in parts):
        raise ValueError(f"{value!r} is not a number")
    numbers = tuple(float(part) for part in parts)
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{value!r} is not finite")
    if metric.kind in ("perplexity", "bits"):
        return numbers if len(numbers) == 2 else (numbers[0], 1.0)
    if len(numbers) != 1:
        raise ValueError(f"{value!r} is not one number")
    return numbers[0]


def _over(name: str, aggregate: Aggregate, raw: Raw, outcomes: Sequence[Outcome]) -> float:
    """Their number over these outcomes; NaN where there is none."""
    values = [given[name] for given in map(raw, outcomes) if name in given]
    try:
        return float(aggregate(values)) if values else math.nan
    except Exception as error:  # of somebody else's; a part of the examples may be too few for it
        logging.getLogger(__name__).info("%s over %d values: %s", name, len(values), error)
        return math.nan
