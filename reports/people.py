"""The report of a campaign of human ratings: one HTML page in which every text is nothing but text."""

from harness.people.analysis import report
from harness.store import Store
from harness.visible import interval, number
from harness_reports.page import page


def people(
    store: Store, campaign: str, baseline: str | None = None, *, length: bool = False, judge: str | None = None
) -> str:
    """One self-contained page of a campaign; there is no baseline to one. Raises as ``analysis.report`` does."""
    result = report(store, campaign, length=length, judge=judge)
    return page("people.html", result=result, campaign=result.campaign, number=number, interval=interval)
