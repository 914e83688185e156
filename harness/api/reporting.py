"""Reports of runs and of campaigns, by the writers that entry points name."""

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Any

from harness.errors import UnknownName, UsageError
from harness.store import Store, open_store

CAMPAIGN = "people"
"""The writer of campaigns; all others write about a run."""


def report(
    run: str | Sequence[str], format: str = "html", *, baseline: str | None = None, store: str | None = None
) -> str | dict[str, str]:
    """A report of a stored run, or of several, as text; for formats of several files their texts by file name.

    ``format``: "html", "md", "json", "bias" (bias card), "responsible" (responsible-AI report), "card" (model card) or
    one of a plug-in; a model card and a bias card are of one run. ``baseline``: a run, or the name of a baseline, whose
    numbers are shown beside where it was asked the same.
    Raises UnknownName for a format that is not installed, and for a run that is not there.
    """
    formats = {name: writer for name, writer in _writers().items() if name != CAMPAIGN}
    if format not in formats:
        raise UnknownName("report format", format, formats)
    runs = [run] if isinstance(run, str) else list(run)
    if not runs:
        raise UsageError("a report needs at least one run")
    opened = open_store(store, create=False)
    ids = list(dict.fromkeys(opened.run(name).id for name in runs))
    written: str | dict[str, str] = formats[format](opened, ids, baseline)
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
