"""Two raters at once in a real headless Chromium, one of them on a phone, and the server killed between."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from rated import GOOD, NOISY, campaign
from scripted_raters import careful

from harness.people import desk
from harness.people.desk import Shown
from harness.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
ITEMS = 20
SECRETS = (GOOD, NOISY, "run-a", "run-b", "toy/letters")
LABELS = {"first": "First is better", "second": "Second is better", "tie": "Equally good"}
SHORTCUTS = {"first": "1", "second": "2", "tie": "3"}


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@contextmanager
def serving(store: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The rating page over a store, started as a user starts it; killed at the end without a warning."""
    words = [sys.executable, "-m", "harness.cli.main", "rate", "serve", "--port", str(port), "--store", store]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/_stcore/health").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


class Rater:
    """A browser with one rater's link; ``received``: every byte that came over the wire."""

    def __init__(self, chromium: "Browser", address: str, link: str, width: int) -> None:
        self.page: Page = chromium.new_context(viewport={"width": width, "height": 900}).new_page()
        self.page.set_default_timeout(60_000)
        self.received: list[bytes] = []
        self.page.on("websocket", lambda socket_: socket_.on("framereceived", self._keep))
        self.page.on("response", lambda response: self._keep(response.url))
        self.address, self.link = address, link

    def _keep(self, payload: Any) -> None:
        self.received.append(payload if isinstance(payload, bytes) else str(payload).encode())

    def open(self, done: int) -> None:
        self.page.goto(f"{self.address}/?{self.link}")
        self.wait(done)

    def wait(self, done: int) -> None:
        said = "All done. Thank you!" if done == ITEMS else f"{done} of {ITEMS} rated"
        self.page.get_by_text(said).wait_for()
        self.page.locator("[data-test-script-state='notRunning']").wait_for()

    def texts(self) -> tuple[str, ...]:
        """The two answers, which are drawn a while after their script ended."""
        from playwright.sync_api import expect

        blocks = self.page.locator("[data-testid='stColumn'] [data-testid='stCode'] code")
        expect(blocks).to_have_count(2, timeout=60_000)
        return tuple(block.inner_text() for block in blocks.all())

    def rate(self, done: int, *, keyboard: bool) -> None:
        """Rate the item on the screen as a careful rater does."""
        choice = careful(Shown(0, "", self.texts(), "", done, ITEMS))["choice"]
        if keyboard:  # keys are bound once the page is drawn
            self.page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
            self.page.keyboard.press(SHORTCUTS[choice])
        else:
            self.page.get_by_role("button", name=LABELS[choice]).click()
        self.wait(done + 1)

    def skip(self, done: int) -> None:
        self.page.get_by_text("Skip this one").click()
        self.page.get_by_label("Why").fill("cut off")
        self.page.keyboard.press("Tab")
        self.page.get_by_role("button", name="Skip", exact=True).click()
        self.wait(done + 1)

    def undo(self, done: int) -> None:
        self.page.get_by_role("button", name="Undo the last rating").click()
        self.wait(done - 1)


@pytest.mark.timeout(600)
def test_two_raters_at_once_lose_nothing_and_learn_no_name(store: Store, tmp_path: Path, chromium: "Browser") -> None:
    made, tokens, _ = desk.create(store, campaign(items=18, attention=0.1, repeats=0.0))
    assert len(store.ratings.assignments(made.id, "rater-1")) == ITEMS
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    links = [f"campaign={made.name}&rater={token}" for token in tokens.values()]
    raters = [Rater(chromium, address, link, width) for link, width in zip(links, (1280, 390), strict=True)]
    with serving(str(tmp_path / "store"), port):
        for rater in raters:
            rater.open(0)
        for done in range(8):
            for number, rater in enumerate(raters):
                rater.rate(done, keyboard=number == 0)
        raters[1].undo(8)
        raters[1].rate(7, keyboard=False)
    assert len(store.ratings.ratings(made.id)) == 16  # the server is dead, every rating is kept
    with serving(str(tmp_path / "store"), port):
        for rater in raters:
            rater.open(8)  # by the same link
        for rater in raters:
            rater.skip(8)
        for done in range(9, ITEMS):
            for number, rater in enumerate(raters):
                rater.rate(done, keyboard=number == 0)
        assert raters[1].page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    check(store, made.id)
    received = b"".join(chunk for rater in raters for chunk in rater.received)
    assert b"Answer to question" in received
    assert [name for name in SECRETS if name.encode() in received] == []


def check(store: Store, campaign_id: str) -> None:
    """Every position is rated once, and what was preferred is what a careful rater prefers, whatever stood first."""
    ratings = store.ratings.ratings(campaign_id)
    assert sorted((one.rater, one.position) for one in ratings) == sorted(
        (one.rater, one.position) for one in store.ratings.assignments(campaign_id)
    )
    assert sum("skipped" in one.answer for one in ratings) == 2
    assert len(store.ratings.history(campaign_id)) == 2 * ITEMS + 2  # one was undone, and rated again
    at = desk.desk_of(store, store.ratings.campaign(campaign_id), "rater-1")
    for one in ratings:
        if "choice" in one.answer and one.rater == "rater-1":
            item = at.items[at.queue[one.position].number]
            assert one.answer == careful(Shown(0, "", item.texts, "", 0, ITEMS))
