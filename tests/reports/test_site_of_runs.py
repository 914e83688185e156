"""The folder of plain pages: complete, linked, valid, inert whatever the runs hold, and never written over anything."""

import json
import shutil
from pathlib import Path

import pytest
from lxml import etree

import harness
from harness.cli.main import main
from harness.errors import UsageError
from harness.kinds import About, Data, multiple_choice
from harness.types import Card, Dataset, Task

EVIL = "<script>document.title='owned'</script><img src=http://x.invalid/p onerror=alert(1)> \u202etfel"


def letters(folder: Path) -> Task:
    """A task of two choices whose texts are hostile."""
    rows = [{"question": f"{EVIL} {i}", "choices": ["a", "b"], "answer": i % 2, "part": EVIL} for i in range(12)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return multiple_choice(
        "letters",
        data=Data(Dataset("letters", path=str(folder / "rows.jsonl")), slices=("part",)),
        prompt="{question}:",
        choices="choices",
        target="answer",
        about=About(version=1, card=Card(measures=EVIL, limits=EVIL, source=EVIL, licence=EVIL)),
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("site")
    store, task = str(folder / "s"), letters(folder)
    harness.evaluate("scripted:oracle", [task, "demo/pronouns"], store=store, limit=40)
    harness.evaluate("scripted:fail-every-3", [task], store=store, tags=("failing",))
    harness.evaluate("scripted:fail-every-3", [task], store=store, shots=2, limit=6)
    harness.evaluate("scripted:oracle", [task], store=store, tags=("newest",))
    return store


@pytest.fixture(scope="module")
def site(place: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages") / "site"
    harness.export_site(folder, store=place)
    return folder


def test_the_index_has_models_by_tasks_and_every_run(site: Path, place: str) -> None:
    page = etree.parse(str(site / "index.html"), etree.HTMLParser())
    matrix, runs = page.findall(".//table")
    heads = ["".join(cell.itertext()) for cell in matrix.iterfind("./thead/tr/th")]
    rows = {
        "".join(row[0].itertext()): ["".join(c.itertext()) for c in row[1:]] for row in matrix.findall("./tbody/tr")
    }
    assert heads == ["Model", "demo/pronouns\nprefers_she", "letters\nacc"]
    assert list(rows) == ["scripted:oracle", "scripted:fail-every-3, 2 shots", "scripted:fail-every-3"]
    assert rows["scripted:fail-every-3"][1].endswith("n 8, 4 failed") and rows["scripted:fail-every-3"][0] == "-"
    assert rows["scripted:oracle"][1].startswith("100 %\n[") and "n 40" in rows["scripted:oracle"][0]
    assert len(runs.findall("./tbody/tr")) == 4 and "newest" in "".join(runs.itertext())
    assert {link.get("href") for link in page.findall(".//a")} <= {file.name for file in site.iterdir()}
    assert page.findall(".//svg") and len(list(site.iterdir())) == 1 + 4 + 1


def test_the_newest_run_counts_whatever_the_order_in_which_runs_are_named(site: Path, place: str) -> None:
    ids = [run.id for run in harness.open_store(place).runs(status="finished")]
    pages = harness.report(ids[::-1], "site", store=place)
    assert isinstance(pages, dict) and pages["index.html"] == (site / "index.html").read_text(encoding="utf-8")


def test_every_page_leads_back_and_loads_nothing(site: Path) -> None:
    for file in site.iterdir():
        text = file.read_text(encoding="utf-8")
        page = etree.HTML(text)
        assert not [tag for tag in ("script", "img", "link", "iframe", "form", "object") if page.findall(f".//{tag}")]
        assert "default-src 'none'" in page.find(".//meta[@http-equiv]").get("content") and "\u202e" not in text
        targets = {link.get("href") for link in page.findall(".//a")}
        assert targets <= {other.name for other in site.iterdir()}
        assert file.name == "index.html" or "index.html" in targets


def test_a_folder_that_holds_something_and_an_empty_store_are_refused(site: Path, place: str, tmp_path: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in site.iterdir()}
    for target in (site, next(site.iterdir())):
        with pytest.raises(UsageError, match="not an empty folder"):
            harness.export_site(target, store=place)
    assert before == {file: file.stat().st_mtime_ns for file in site.iterdir()}
    harness.open_store(str(tmp_path / "s"))
    with pytest.raises(UsageError, match="no finished run"):
        harness.export_site(tmp_path / "site", store=str(tmp_path / "s"))
    assert not (tmp_path / "site").exists()


def test_the_command_writes_pages_and_serves_nothing(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, code in ((["--port", "8600"], 2), ([], 0)):
        with pytest.raises(SystemExit) as stop:
            main(["dashboard", "--export", str(tmp_path / "site"), "--store", place, *words])
        assert stop.value.code == code
    told = capsys.readouterr()
    assert "leave out --port" in told.err and told.out == f"6 pages: open {tmp_path / 'site' / 'index.html'}\n"


def test_a_browser_walks_the_pages_and_sends_no_request(site: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    asked: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(java_script_enabled=True)
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: asked.append(dialog.message))
        page.goto((site / "index.html").as_uri())
        page.get_by_role("link", name="scripted:oracle").first.click()
        assert page.title() == "Evaluation of scripted:oracle"
        page.get_by_role("link", name="All runs").click()
        page.locator("tr", has_text="demo/pronouns").get_by_role("link").last.click()
        page.get_by_role("link", name="Bias card").click()
        assert page.title() == "Bias card of scripted:oracle"
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert len(page.pdf()) > 10_000
        browser.close()
    assert all(url.startswith(site.as_uri()) for url in asked) and len(asked) == 5
