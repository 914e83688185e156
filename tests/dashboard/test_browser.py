"""A walk through the pages by clicking, in a real headless Chromium, started as a user starts it."""

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
from harness.store import Store, open_store
from harness.types import Chosen

if TYPE_CHECKING:
    from playwright.sync_api import Page

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
PAGES = ("run", "samples", "compare", "bias", "reliability", "trends", "efficiency", "gate")
SOON = 60_000


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


@pytest.fixture(scope="module")
def server(stores: Callable[[str], str]) -> Iterator[str]:
    with serving(stores("small")) as address:
        yield address


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
def browser() -> "Iterator[Page]":
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=chromium, args=FLAGS)
        page = opened.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(SOON)
        yield page
        opened.close()


def settle(page: "Page", title: str) -> None:
    """Wait until a page's script has run to its end."""
    page.get_by_role("heading", name=title, exact=True).wait_for()
    page.locator("[data-test-script-state='notRunning']").wait_for()


def test_walk(server: str, browser: "Page", run_of: Callable[[str], str], small: Store) -> None:
    page, oracle = browser, run_of("oracle")
    hostile = str(small.samples(oracle, "letters", limit=1)["example_id"].iloc[0])
    page.goto(server)
    settle(page, "Leaderboard")
    page.get_by_text("Links to these runs").click()
    page.get_by_role("link", name=f"Run {oracle}").first.click()
    settle(page, "Run")
    assert f"run={oracle}" in page.url
    page.get_by_text("scripted:oracle").first.wait_for()
    page.get_by_role("link", name="Samples of letters").click()
    settle(page, "Samples")
    page.get_by_text("Links to these samples").click()
    page.get_by_role("link", name=f"Sample {hostile}", exact=True).click()
    page.get_by_text("<script>").first.wait_for()
    assert f"example={hostile}" in page.url
    page.get_by_role("link", name="Compare this run").click()
    settle(page, "Compare")
    page.get_by_text("Baseline", exact=True).first.wait_for()
    assert f"candidate={oracle}" in page.url


def test_a_click_on_a_filter_is_in_the_address_and_survives_a_reload(
    server: str, browser: "Page", run_of: Callable[[str], str]
) -> None:
    page = browser
    page.goto(f"{server}/samples?run={run_of('opposite')}&task=letters")
    settle(page, "Samples")
    page.get_by_label("Prompt, answer or gold contains").fill("q11")
    page.keyboard.press("Enter")
    page.get_by_text("Samples 1 to 1 of this filter").wait_for()
    assert "text=q11" in page.url
    page.reload()
    page.get_by_text("Samples 1 to 1 of this filter").wait_for()


def test_a_flip_that_is_clicked_is_shown_in_both_runs(
    server: str, browser: "Page", run_of: Callable[[str], str]
) -> None:
    page = browser
    page.goto(f"{server}/compare?baseline={run_of('oracle')}&candidate={run_of('opposite')}")
    settle(page, "Compare")
    flips = page.get_by_test_id("stDataFrame").last
    flips.scroll_into_view_if_needed()
    flips.click(position={"x": 18, "y": 53})  # the box before the first row
    page.get_by_text("Outcome: right").wait_for()
    page.get_by_text("Outcome: wrong").wait_for()
    assert "example=" in page.url and "task=letters" in page.url


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_hostile_output_changes_no_page(server: str, browser: "Page", small: Store, theme: str) -> None:
    page, errors, dialogs = browser, [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    page.emulate_media(color_scheme=theme)
    run = small.runs(task="writer")[0].id
    example = str(small.samples(run, "writer", limit=1)["example_id"].iloc[0])
    titles = {"samples": "Samples", "run": "Run", "reliability": "Calibration and robustness"}
    for name, title in titles.items():
        page.goto(f"{server}/{name}?run={run}")
        settle(page, title)
        assert page.title() != "owned"
        assert page.locator("a[href*='x.invalid']").count() == 0
    page.goto(f"{server}/samples?run={run}&task=writer&example={example}")
    page.get_by_text("<script>").first.wait_for()
    assert page.locator("a[href*='x.invalid'], script:text('owned')").count() == 0
    content = page.content()
    assert "\u202e" not in content and "\x1b" not in content and len(content) < 2_000_000
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert not errors and not dialogs and page.title() != "owned"


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_drawn_without_an_error(server: str, browser: "Page", name: str) -> None:
    page, errors = browser, []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{server}/{name}")
    page.locator("h1").first.wait_for()
    page.locator("[data-test-script-state='notRunning']").wait_for()
    assert page.get_by_test_id("stException").count() == 0
    assert not errors


def test_a_run_in_progress_moves_without_a_reload(
    stores: Callable[[str], str], browser: "Page", tmp_path: Path
) -> None:
    copy = shutil.copytree(stores("broken"), tmp_path / "copy")
    store = open_store(str(copy))
    with (
        serving(str(copy)) as address,
        Journal.open(store.journals / "unfinished.journal", {"identity": "x", "total": 4}) as journal,
    ):
        journal.append([(0, Chosen(0))])
        browser.goto(f"{address}/run?run=unfinished")
        browser.get_by_text("1 of 4 answers").wait_for()
        journal.append([(1, Chosen(0)), (2, Chosen(1))])
        browser.get_by_text("3 of 4 answers").wait_for(timeout=15_000)
        store.finish(store.run("unfinished"), {}, [])
        browser.get_by_text("of 4 answers").wait_for(state="detached", timeout=15_000)
        store.start(replace(store.run("unfinished"), id="gone", status="running", finished=None))
        browser.goto(f"{address}/run?run=gone")
        browser.get_by_text("no journal here").wait_for()
        store.rm("gone", force=True)
        browser.get_by_text("This store has no run of this name").wait_for(timeout=15_000)
        assert browser.get_by_text("no journal here").count() == 0
