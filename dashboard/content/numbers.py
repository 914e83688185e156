"""A number as charts draw it: in the unit that it is told in, with its words."""

from typing import Any

from harness.metrics.words import factor, short
from harness.types import Estimate, MetricRecord
from harness.visible import cut


def drawn(label: str, series: str, e: Estimate, record: MetricRecord | None) -> dict[str, Any]:
    """A row of a forest plot."""
    times, _ = factor(record)
    value, low, high = (None if x is None else times * x for x in (e.value, e.low, e.high))
    shown = f"{short(e.value, e.low, e.high, record)}, n = {e.n:,}" + f", {e.failed:,} failed" * bool(e.failed)
    label, series = cut(label, 200), cut(series, 200)
    return {"label": label, "series": series, "value": value, "low": low, "high": high, "shown": shown, "n": e.n}
