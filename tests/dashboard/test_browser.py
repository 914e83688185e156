"""One walk through the pages by clicking, in a real headless Chromium, started as a user starts it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from dashboard import queries
from harness.store import open_store

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture
def server(stores: Callable[[str], str]) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "harness.cli.main", "dashboard", "--port", str(port), "--store", stores("small")]
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


def test_walk(server: str, stores: Callable[[str], str], tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium: apt-get install chromium")
    from playwright.sync_api import expect, sync_playwright

    pictures = Path(os.environ.get("HARNESS_PICTURES", tmp_path))
    store = open_store(stores("small"), create=False)
    oracle = next(run.id for run in store.runs() if run.model.endswith("oracle"))
    hostile = str(queries.samples(store, oracle, "letters", queries.Filter())["example_id"].iloc[0])
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.goto(server)
        expect(page.get_by_role("heading", name="Leaderboard", exact=True)).to_be_visible(timeout=60_000)
        page.get_by_role("link", name=f"Run {oracle}").first.wait_for(timeout=60_000)
        page.screenshot(path=pictures / "leaderboard.png")
        page.get_by_role("link", name=f"Run {oracle}").first.click()
        expect(page.get_by_text("scripted:oracle").first).to_be_visible(timeout=30_000)
        assert f"run={oracle}" in page.url
        page.screenshot(path=pictures / "run.png")
        page.get_by_role("link", name="Samples of letters").click()
        page.get_by_role("link", name=f"Sample {hostile}", exact=True).wait_for(timeout=30_000)
        page.screenshot(path=pictures / "samples.png")
        page.get_by_role("link", name=f"Sample {hostile}", exact=True).click()
        expect(page.get_by_text("<script>").first).to_be_visible(timeout=30_000)
        assert page.title() != "owned" and page.locator("a[href*='x.invalid']").count() == 0
        page.screenshot(path=pictures / "sample.png")
        page.get_by_role("link", name="Compare this run").click()
        expect(page.get_by_text("Baseline", exact=True).first).to_be_visible(timeout=30_000)
        expect(page.get_by_role("heading", name="letters")).to_be_visible(timeout=30_000)
        assert f"candidate={oracle}" in page.url
        page.screenshot(path=pictures / "compare.png")
        browser.close()
