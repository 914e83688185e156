"""Metrics as a run keeps them, and as they are computed again where their task is not at hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.metrics import attacks, calibrate, likelihood, text
from harness.metrics.classify import first_over_n, reduce_percent
from harness.types import Metric, MetricRecord

if TYPE_CHECKING:
    from collections.abc import Callable

REDUCES: Mapping[str, Callable[..., Any]] = {
    "bleu": text.reduce_bleu,
    "chrf": text.reduce_chrf,
    "ter": text.reduce_ter,
    "perplexity": likelihood.reduce_perplexity,
    "bits": likelihood.reduce_bits,
    "percent": reduce_percent,
    "compliance": attacks.CORRECTED.reduce,
}
"""How the rows of a metric of each ``kind`` become a number."""
CALIBRATION = {metric.name: metric for metric in calibrate.METRICS}


def recorded(metric: Metric) -> MetricRecord:
    """What a run keeps of a metric beside its numbers."""
    low, high = metric.bounds
    return MetricRecord(
        name=metric.name,
        family=metric.family,
        variant=metric.variant,
        better=metric.better,
        ideal=metric.ideal,
        interval=metric.interval,
        limits=metric.limits,
        signature=metric.signature,
        contents=metric.contents,
        kind=metric.kind,
        scale=metric.scale,
        bounds=(low if math.isfinite(low) else None, high if math.isfinite(high) else None),
    )


def restored(record: MetricRecord) -> Metric | None:
    """The metric that a run keeps as ``record``; None where only its task knows how to compute it.

    A mean whose interval is Student's or Wilson's needs nothing but its values, one number each.
    """
    if record.family == "calibration":
        return CALIBRATION.get(record.name)
    mean = first_over_n if record.interval in ("wilson", "t") else None
    reduce = REDUCES.get(record.kind or record.name, mean)
    if reduce is None:
        return None
    least, most = (0.0, record.scale) if record.interval == "wilson" else (-math.inf, math.inf)
    low = least if record.bounds[0] is None else record.bounds[0]
    high = most if record.bounds[1] is None else record.bounds[1]
    return Metric(
        name=record.name,
        reduce=reduce,
        family=record.family,
        variant=record.variant,
        better=record.better,
        ideal=record.ideal,
        interval=record.interval,
        scale=record.scale,
        bounds=(low, high) if low < high else (-math.inf, math.inf),
    )
