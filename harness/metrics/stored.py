"""Metrics of a stored run whose task is not at hand, from what the run kept of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.metrics import calibrate, likelihood, text
from harness.metrics.classify import first_over_n, reduce_percent
from harness.types import Metric

if TYPE_CHECKING:
    from collections.abc import Callable

REDUCES: Mapping[str, Callable[..., Any]] = {
    "bleu": text.reduce_bleu,
    "chrf": text.reduce_chrf,
    "ter": text.reduce_ter,
    "perplexity": likelihood.reduce_perplexity,
    "bits": likelihood.reduce_bits,
    "percent": reduce_percent,
}
"""How the rows of a metric of each ``kind`` become a number."""
CALIBRATION = {metric.name: metric for metric in calibrate.METRICS}


def restored(kept: Mapping[str, Any]) -> Metric | None:
    """The metric that a run remembers as ``kept``; None where only its task knows how to compute it.

    A mean whose interval is Student's or Wilson's needs nothing but its values, one number each.
    """
    name, kind = str(kept["name"]), str(kept.get("kind") or kept["name"])
    if name in CALIBRATION:
        return CALIBRATION[name]
    reduce = REDUCES.get(kind, first_over_n if kept.get("interval") in ("wilson", "t") else None)
    if reduce is None:
        return None
    return replace(
        Metric(name=name, reduce=reduce), better=kept["better"], ideal=kept["ideal"],
        interval=kept.get("interval", "bootstrap"), scale=float(kept.get("scale", 1.0)),
        bounds=_bounds(kept.get("bounds")),
    )  # fmt: skip


def _bounds(kept: object) -> tuple[float, float]:
    """The range that a run remembers, None for an end that is open; all numbers where it remembers none."""
    match kept:
        case [int() | float() | None as low, int() | float() | None as high]:
            ends = -math.inf if low is None else float(low), math.inf if high is None else float(high)
            return ends if ends[0] < ends[1] else (-math.inf, math.inf)
    return -math.inf, math.inf
