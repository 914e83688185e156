"""A number beside the value that it ideally has: the one rule by which tables, reports and pages give a verdict."""

from typing import Literal

from harness.metrics import words
from harness.types import Estimate, MetricRecord

Side = Literal["above", "below", "within", "undecided"]

FEWEST = 6
"""Clusters below which there is no verdict: even if all agree, a sign test stays above 5 %."""


def side_of(e: Estimate, ideal: float) -> Side:
    """Where the 95 % interval lies: wholly above or below the ideal, or around it.

    "undecided" without an interval, and where it rests on fewer than ``FEWEST`` clusters.
    """
    if e.low is None or e.high is None or e.clusters < FEWEST:
        return "undecided"
    return "above" if e.low > ideal else "below" if e.high < ideal else "within"


def against(e: Estimate, record: MetricRecord | None) -> str:
    """The verdict in words, in the metric's unit; empty for a number that is undefined or has no ideal."""
    if e.value is None or record is None or record.better != "ideal" or record.ideal is None:
        return ""
    side, ideal = side_of(e, record.ideal), words.value(record.ideal, record)
    if side == "undecided":
        return too_few(e.clusters)
    return f"not distinguishable from {ideal}" if side == "within" else f"differs from {ideal}"


def too_few(clusters: int) -> str:
    """Why there is no verdict."""
    return f"no verdict: {clusters} cluster{' is' if clusters == 1 else 's are'} too few"
