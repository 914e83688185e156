"""Reports of several runs, their evidence lines, and the page that is opened in the browser."""

import subprocess
from pathlib import Path

import pytest
from forked import command
from lxml import etree

import harness
from harness.errors import UsageError

BIAS_LINES = ("Article 10(2)(f)", "MEASURE 2.11")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store of a perfect, a wrong and a probed model, tagged so."""
    store = str(tmp_path_factory.mktemp("several") / "s")
    harness.evaluate("scripted:oracle", "demo/sentiment", limit=20, store=store, tags=("right",))
    harness.evaluate("scripted:opposite", "demo/sentiment", limit=12, store=store, tags=("wrong",))
    harness.evaluate("scripted:oracle", "demo/pronouns", store=store, tags=("probed",))
    return store


def test_several_runs_stand_beside_each_other_and_then_alone(place: str) -> None:
    page = etree.HTML(str(harness.report(["right", "wrong", "probed"], store=place)))
    tables = page.findall(".//table")
    heads = ["".join(cell.itertext()) for cell in tables[1].iterfind("./thead/tr/th")]
    assert heads[:3] == ["Task", "Metric", "scripted:oracle (" + harness.open_store(place).run("right").id + ")"]
    cells = ["".join(cell.itertext()) for cell in tables[1].findall("./tbody/tr")[0]]
    assert cells[2].startswith("100 %") and "n = 20" in cells[2] and cells[4] == "-"
    titles = [title.text for title in page.findall(".//h2")]
    assert sum(" run 20" in title for title in titles) == 3
    assert str(harness.report(["right", "wrong"], "md", store=place)).count("## Results") == 2
    assert str(harness.report(["right", "right"], "md", store=place)).count("## Results") == 1
    for card in ("bias", "card"):
        with pytest.raises(UsageError, match="is of one run"):
            harness.report(["right", "wrong"], card, store=place)
    with pytest.raises(UsageError, match="at least one run"):
        harness.report([], store=place)


def test_evidence_of_bias_only_with_probes_and_by_name(place: str) -> None:
    plain, probed = (str(harness.report(tag, "md", store=place)) for tag in ("right", "probed"))
    assert not any(line in plain for line in BIAS_LINES) and "MEASURE 2.3" in plain
    (told,) = [line for line in probed.splitlines() if "MEASURE 2.11" in line]
    assert "demo/pronouns prefers\\_she" in told or "demo/pronouns prefers_she" in told
    assert "Article 10(2)(f)" in probed and "Article 15(5)" not in probed


def test_a_baseline_says_what_differs_or_why_nothing_is_compared(place: str) -> None:
    harness.open_store(place).set_baseline("main", "right")
    worse = str(harness.report("wrong", "md", baseline="main", store=place))
    assert "is worse than" in worse and "(n = 12 of both): ▼ worse" in worse and "| 20 |" in worse
    other = str(harness.report("probed", "md", baseline="right", store=place))
    assert "demo/pronouns: the baseline did not ask it" in other


def test_open_shows_the_written_page_and_nothing_else(place: str, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {tmp_path}/asked\n', encoding="utf-8")
    browser.chmod(0o755)

    def report(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return command("report", *words, "--store", place, "--open", cwd=tmp_path, **environment)

    done = report("right", "--out", "page.html", BROWSER=f"{browser} %s")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "asked").read_text().splitlines() == [(tmp_path / "page.html").as_uri()]
    refused = report("right", "--format", "md", BROWSER=f"{browser} %s")
    assert refused.returncode == 2 and "--open needs a page" in refused.stderr and not list(tmp_path.glob("*.md"))
    without = report("right", "--out", "other.html", BROWSER="", PATH="", DISPLAY="", WAYLAND_DISPLAY="")
    assert without.returncode == 0 and "no browser could be opened" in without.stderr


def test_out_names_a_folder_by_a_slash_or_by_being_one(place: str, tmp_path: Path) -> None:
    run = harness.open_store(place).run("right").id
    for _ in range(2):
        done = command("report", "right", "--format", "md", "--out", "pages/", "--store", place, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, f"pages/report-{run}.md\n"), done.stderr
    assert command("report", "right", "--out", "pages", "--store", place, cwd=tmp_path).returncode == 0
    assert {path.suffix for path in (tmp_path / "pages").iterdir()} == {".md", ".html"}
