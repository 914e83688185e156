"""A number beside the value that it ideally has: the one rule by which tables, reports and pages give a verdict."""

from typing import Literal

from harness.types import Estimate

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


def against(e: Estimate, ideal: float) -> str:
    """The verdict in words; empty for a number that is undefined."""
    if e.value is None:
        return ""
    side = side_of(e, ideal)
    if side == "undecided":
        return too_few(e.clusters)
    return f"not distinguishable from {ideal:g}" if side == "within" else f"differs from {ideal:g}"


def too_few(clusters: int) -> str:
    """Why there is no verdict."""
    return f"no verdict: {clusters} cluster{' is' if clusters == 1 else 's are'} too few"
