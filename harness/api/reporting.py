"""Reports of runs and of campaigns, by the writers that entry points name."""

from collections.abc import Sequence
from pathlib import Path

from harness import plugins
from harness.errors import UsageError
from harness.files import write_text
from harness.store import Store, open_store

PAGES = 500
"""The most runs that are exported as pages."""

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
    writers, broken = plugins.functions("harness.reports")
    formats = [name for name in writers if name != CAMPAIGN]
    if format not in formats:
        raise plugins.unknown("report format", format, formats, broken)
    runs = [run] if isinstance(run, str) else list(run)
    if not runs:
        raise UsageError("a report needs at least one run")
    opened = open_store(store, create=False)
    ids = list(dict.fromkeys(opened.run(name).id for name in runs))
    written: str | dict[str, str] = writers[format](opened, ids, baseline)
    return written


def export_site(folder: str | Path, *, store: str | None = None) -> list[Path]:
    """Write the finished runs of a store as plain pages into a new folder; gives the files, the index first.

    Nothing has to be served: the pages hold their tables and pictures, and load nothing. Of more than ``PAGES`` runs
    the newest are taken. Raises UsageError for a folder that holds something, and for a store without a finished run.
    """
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is not an empty folder: name a new one")
    runs = [run.id for run in open_store(store, create=False).runs(status="finished", limit=PAGES)]
    if not runs:
        raise UsageError("the store has no finished run that could be shown")
    pages = report(runs, "site", store=store)
    if isinstance(pages, str):
        raise UsageError("the writer of pages that is installed gives one file: reinstall rai-harness")
    files = {target / name: text for name, text in pages.items()}
    for path, text in files.items():
        write_text(path, text)
    return list(files)


def campaign_page(store: Store, campaign: str, *, length: bool = False, judge: str | None = None) -> str:
    """A campaign of ratings as one HTML page. Raises UsageError where the reports are not installed."""
    writer = plugins.functions("harness.reports")[0].get(CAMPAIGN)
    if writer is None:
        raise UsageError("the report of campaigns is not installed: reinstall rai-harness")
    page: str = writer(store, campaign, None, length=length, judge=judge)
    return page
