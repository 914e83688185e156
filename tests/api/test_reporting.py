"""Reports from Python: the text of one file, the texts of several, and a format that nobody wrote."""

from pathlib import Path

import pytest

import harness
from harness.errors import UnknownName


def test_a_report_is_text_or_files_by_name(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    run = harness.evaluate("scripted:oracle", "demo/sentiment", limit=4, store=store).run
    page = harness.report(run.id, store=store)
    assert isinstance(page, str) and page.startswith("<!DOCTYPE html>") and run.id in page
    card = harness.report(run.id, "card", store=store)
    assert isinstance(card, dict) and all(isinstance(text, str) for text in card.values())
    for format in ("people", "pdf"):  # a campaign is no run
        with pytest.raises(UnknownName, match="report format"):
            harness.report(run.id, format, store=store)
