"""Reports of runs and of campaigns, by the writers that entry points name."""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from harness.errors import UnknownName, UsageError
from harness.store import Store, open_store

CAMPAIGN = "people"
"""The writer of campaigns; all others write about a run."""


def report(
    run: str, format: str = "html", *, baseline: str | None = None, store: str | None = None
) -> str | dict[str, str]:
    """A report of a stored run as text; for formats of several files (card, bias) their texts by file name.

    ``baseline`` is a run whose numbers are shown beside, where it was asked the same.
    Raises UnknownName for a format that is not installed.
    """
    formats = {name: writer for name, writer in _writers().items() if name != CAMPAIGN}
    if format not in formats:
        raise UnknownName("report format", format, formats)
    written: str | dict[str, str] = formats[format](open_store(store, create=False), run, baseline)
    return written


def campaign_page(store: Store, campaign: str, *, length: bool = False, judge: str | None = None) -> str:
    """A campaign of ratings as one HTML page. Raises UsageError where the reports are not installed."""
    writer = _writers().get(CAMPAIGN)
    if writer is None:
        raise UsageError("the report of campaigns is not installed: reinstall rai-harness")
    page: str = writer(store, campaign, None, length=length, judge=judge)
    return page


def _writers() -> dict[str, Callable[..., Any]]:
    return {name: writer for point in entry_points(group="harness.reports") for name, writer in point.load().items()}
