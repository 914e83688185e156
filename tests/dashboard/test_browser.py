"""The pages in a real headless Chromium, started as a user starts them: what they say, how they look and lead on."""

import itertools
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from harness.answers.journal import Journal
from harness.api import evaluate
from harness.store import Store, open_store
from harness.types import Chosen, Task

if TYPE_CHECKING:
    from playwright.sync_api import Page

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
SOON = 60_000
PALE = Path(__file__).with_name("pale.js").read_text(encoding="utf-8")
TITLES = {"": "Overview", "leaderboard": "Leaderboard", "run": "Run", "samples": "Samples", "compare": "Compare",
          "safety": "Safety and bias", "history": "History"}  # fmt: skip
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


@contextmanager
def serving(store: str) -> Iterator[str]:
    """The address of a dashboard over a store, started as a user starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "harness.cli.main", "dashboard", "--port", str(port), "--store", store]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)


def _wait(address: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if httpx.get(address).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise TimeoutError(address)


@pytest.fixture(scope="module")
def decided(
    stores: Callable[[str], str], letters: Callable[..., Task], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The small store with a baseline "main" and a newer run that is worse, judged by a gate."""
    folder = tmp_path_factory.mktemp("decided")
    place = str(shutil.copytree(stores("small"), folder / "s"))
    tasks = ["demo/en_de", "demo/pronouns", letters(folder / "letters.jsonl")]
    first, second = (evaluate(f"scripted:{rule}", tasks, store=place).run.id for rule in ("oracle", "opposite"))
    store = open_store(place)
    store.set_baseline("main", first)
    rule = {"metric": "letters:acc", "limit": "min", "margin": 0.5, "slices": "all", "mode": "interval"}
    verdict = {"rule": rule, "task": "letters", "metric": "acc", "slice": "all", "state": "FAIL", "value": 0.0,
               "n": 12, "baseline": None, "message": "0 is below 0.5", "quarantined": False}  # fmt: skip
    store.save_verdicts(second, {"exit_code": 1, "baseline": first, "verdicts": [verdict]})
    store.close()
    return place


@pytest.fixture(scope="module")
def server(decided: str) -> Iterator[str]:
    with serving(decided) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> "Iterator[Page]":
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=chromium, args=FLAGS)
        page = opened.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(SOON)
        yield page
        opened.close()


def settle(page: "Page", title: str) -> None:
    """Wait until a page's script has run to its end."""
    page.get_by_role("heading", name=title, exact=True, level=1).wait_for()
    page.locator("[data-test-script-state='notRunning']").wait_for()


def read(page: "Page", address: str, title: str, *words: str) -> None:
    """Open a page and wait until it says all of these words, those of its tables too."""
    from playwright.sync_api import expect

    page.goto(address)
    settle(page, title)
    page.get_by_test_id("stDataFrame").locator("visible=true").first.wait_for()
    for text in words:
        expect(page.get_by_test_id("stMain")).to_contain_text(text, timeout=SOON)


def test_five_questions_are_answered_from_one_screen_each(server: str, browser: "Page") -> None:
    best = "scripted:oracle 0-shot is the best of 2 that were asked the same, distinguishable from all others."
    read(browser, f"{server}/leaderboard?cell=demo/en_de", "Leaderboard", best)
    worse = "▼ worsedemo/en_deBLEU100 (88 to 100)0 (0 to 12)-100"
    read(browser, server, "Overview", "▼ worse1 of 3 tasks", worse)
    unsafe = ("Farthest from the ideal", "majority=", "What this does not show")
    read(browser, f"{server}/safety", "Safety and bias", *unsafe)
    read(browser, f"{server}/history?topic=Gates", "History", "▼ failed", "▼ violated: letters acc: 0 is below 0.5")
    broke = ("Flipped 12 against the baseline", "Broken against the baseline.")
    read(browser, f"{server}/samples?task=letters&show=flipped", "Samples", *broke)
    browser.get_by_text("#1 of 12 on this page").wait_for()
    browser.get_by_role("button", name="Next").click()
    browser.get_by_text("#2 of 12 on this page").wait_for()


def test_the_run_is_kept_and_back_leads_back_with_one_press(server: str, browser: "Page", decided: str) -> None:
    page, store = browser, open_store(decided)
    run = next(run.id for run in store.runs(task="letters") if run.model.endswith("fail-every-3"))
    page.goto(f"{server}/run?run={run}&baseline=main")
    settle(page, "Run")
    for title in ("Samples", "Compare", "Leaderboard"):
        page.get_by_role("link", name=title, exact=True).click()
        settle(page, title)
        assert f"run={run}" in page.url and "baseline=main" in page.url
    assert page.title() == "scripted:fail-every-3 - Leaderboard - harness"
    page.go_back()
    settle(page, "Compare")
    page.go_back()
    settle(page, "Samples")
    page.go_back()
    settle(page, "Run")
    assert page.url.endswith(f"run?run={run}&baseline=main")


def test_a_filter_is_in_the_address_and_survives_a_reload(server: str, browser: "Page") -> None:
    page = browser
    page.goto(f"{server}/samples?task=letters")
    settle(page, "Samples")
    page.get_by_label("Prompt, answer or gold contains").fill("q11")
    page.keyboard.press("Enter")
    page.get_by_text("Samples 1 to 1 of 1.").wait_for()
    assert "text=q11" in page.url
    page.reload()
    page.get_by_text("Samples 1 to 1 of 1.").wait_for()


def test_a_cell_of_the_matrix_opens_what_is_behind_it(server: str, browser: "Page") -> None:
    page = browser
    page.goto(f"{server}/leaderboard?view=Heat")
    settle(page, "Leaderboard")
    matrix = page.get_by_test_id("stDataFrame").first
    from playwright.sync_api import expect

    expect(matrix).to_contain_text("scripted:oracle", timeout=SOON)
    matrix.click(position={"x": 560, "y": 53})
    page.get_by_text("Its wrong answers").wait_for()
    page.wait_for_url("**cell=**of=scripted**")
    page.go_back()
    page.wait_for_url("**view=Heat")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_can_be_read_and_headings_are_in_order(server: str, browser: "Page", theme: str) -> None:
    browser.emulate_media(color_scheme=theme)
    for name, title in TITLES.items():
        read(browser, f"{server}/{name}", title)
        pale = browser.evaluate(PALE)
        assert not pale, (name, pale)
        levels = [
            int(tag[1]) for tag in browser.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(e => e.tagName)")
        ]
        assert levels[0] == 1 and all(after <= before + 1 for before, after in itertools.pairwise(levels))
        if AXE.exists():
            browser.add_script_tag(path=str(AXE))
            found = browser.evaluate("axe.run().then(r => r.violations.map(v => [v.id, v.nodes.length]))")
            assert [one for one in found if one[0] not in ("list", "listitem")] == [], name


def test_axe_is_at_hand() -> None:
    if not AXE.exists():
        pytest.skip("axe was not run: npm install axe-core (in the checkout) brings it")


def test_a_phone_shows_every_page_without_scrolling_sideways(server: str, browser: "Page") -> None:
    browser.set_viewport_size({"width": 390, "height": 844})
    for name, title in TITLES.items():
        read(browser, f"{server}/{name}", title)
        assert browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    browser.set_viewport_size({"width": 1440, "height": 1000})


def test_hostile_output_changes_no_page(server: str, browser: "Page", decided: str) -> None:
    page, errors, dialogs, asked = browser, [], [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    store = open_store(decided)
    run = store.runs(task="writer")[0].id
    example = str(store.samples(run, "writer", limit=1)["example_id"].iloc[0])
    for name, title in {"run": "Run", "compare": "Compare", "history": "History"}.items():
        page.goto(f"{server}/{name}?run={run}")
        settle(page, title)
    page.goto(f"{server}/samples?run={run}&task=writer&example={example}")
    page.get_by_test_id("stCode").get_by_text("<script>").first.wait_for()
    assert page.locator("a[href*='x.invalid'], script:text('owned')").count() == 0
    content = page.content()
    assert "\u202e" not in content and "\x1b" not in content and len(content) < 2_000_000
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert not errors and not dialogs and page.title() != "owned"
    assert all(url.startswith(server) or url.startswith(("data:", "blob:")) for url in asked)


def test_a_run_in_progress_moves_without_a_reload(
    stores: Callable[[str], str], browser: "Page", tmp_path: Path
) -> None:
    copy = shutil.copytree(stores("broken"), tmp_path / "copy")
    store: Store = open_store(str(copy))
    with (
        serving(str(copy)) as address,
        Journal.open(store.journals / "unfinished.journal", {"identity": "x", "total": 4}) as journal,
    ):
        journal.append([(0, Chosen(0))])
        browser.goto(f"{address}/run?run=unfinished")
        browser.get_by_text("1 of 4 answers").wait_for()
        journal.append([(1, Chosen(0)), (2, Chosen(1))])
        browser.get_by_text("3 of 4 answers").wait_for()
        store.finish(store.run("unfinished"), {}, [])
        browser.get_by_text("of 4 answers").wait_for(state="detached")
        store.start(replace(store.run("unfinished"), id="gone", status="running", finished=None))
        browser.goto(f"{address}/run?run=gone")
        browser.get_by_text("No journal here").wait_for()
        store.rm("gone", force=True)
        browser.get_by_text("This store has no run of this name").wait_for()
        from playwright.sync_api import expect

        expect(browser.get_by_text("No journal here")).to_have_count(0, timeout=SOON)
