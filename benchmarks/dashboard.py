"""Measure the dashboard on 2,000 runs and 1,000,000 samples: first paint, next click, memory of the server.

python benchmarks/dashboard.py --store DIR --build     make the store (some minutes)
python benchmarks/dashboard.py --store DIR             measure it in headless Chromium
python benchmarks/dashboard_matrix.py --store DIR      make another one: 50 models x 60 tasks

A fresh browser session asks for the address of each page, of which the server remembers nothing: "painted" is the
browser's first contentful paint, "whole" the end of the page's script with everything on it. A click changes one filter
or choice, until the script has ended again. Exits with 1 if a bound is broken.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from harness.store import Store, open_store
from harness.types import Card, Choose, Chosen, Estimate, Example, Judged, MetricRecord, Outcome, Run, TaskRecord

FIRST, WHOLE, CLICK, MEMORY = 1.5, 3.0, 1.0, 500.0
TASKS = [f"family{i % 5}/task{i}" for i in range(20)]
SAMPLED, EACH = 20, 2500
CARD = Card(measures="speed", limits="nothing else", source="made", licence="none")
METRICS = (
    MetricRecord(name="acc", interval="wilson"),
    MetricRecord(name="m1", interval="wilson"),
    MetricRecord(name="m2", interval="wilson"),
    MetricRecord(name="m3", better="lower", interval="wilson"),
    MetricRecord(name="lean", better="ideal", ideal=0.5, interval="wilson"),
)
STATES = """
window.states = [];
new MutationObserver(() => {
  const app = document.querySelector('[data-test-script-state]');
  const state = app && app.getAttribute('data-test-script-state');
  const last = window.states[window.states.length - 1];
  if (state && (!last || last[0] !== state)) window.states.push([state, performance.now()]);
}).observe(document, {subtree: true, childList: true, attributes: true});
"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


# -------------------------------------------------------------------------------------------------------------- store
def record(i: int) -> Run:
    """Run number i of 2,000: one of 40 models, at another hour."""
    started = f"2026-{1 + i // 672 % 12:02}-{1 + i // 24 % 28:02}T{i % 24:02}:00:00+00:00"
    tasks = tuple(
        TaskRecord(
            name=name, version=1, fingerprint=name, data_sha256="0" * 64, data_source="made", n=EACH, shots=0,
            shots_source="", card=CARD, metrics=METRICS,
        )
        for name in TASKS
    )  # fmt: skip
    engine = {"seconds_compute": 10.0 + i % 7, "tokens_computed": 1e5 + i, "tokens_asked": 2e5, "peak_memory": 1e9}
    return Run(
        id=f"{i:05}-run", model=f"model{i % 40}", fingerprint={"weights": str(i % 40)}, settings={"seed": 0},
        versions={"torch": "2"}, command="benchmark", started=started, tasks=tasks, engine=engine,
    )  # fmt: skip


def outcomes(run: int, task: int) -> list[Outcome]:
    """EACH four-way choices in clusters of four, with a prompt of 40 words."""
    draw = np.random.default_rng([run, task])
    words = [f"word{i}" for i in range(400)]
    scores, right = draw.normal(-20, 5, (EACH, 4)), draw.random(EACH) < 0.6 + 0.01 * (run % 5)
    made = []
    for i in range(EACH):
        prompt = " ".join(words[(i * 7 + k * 13) % 400] for k in range(40))
        options = tuple(f" {words[(i + k) % 400]}" for k in range(4))
        picked = int(scores[i].argmax())
        gold = picked if right[i] else (picked + 1) % 4
        fields = {"question": prompt, "choices": options}
        example = Example(str(i), fields, gold, {"subject": f"s{i % 8}"}, f"c{i // 4}")
        values = {"acc": float(right[i]), "lean": float(i % 2)}
        chosen = Chosen(picked, tuple(map(float, scores[i])), (2, 2, 2, 2))
        judged = Judged(options[picked], values, bool(right[i]))
        made.append(Outcome(example, (Choose(prompt, options),), (chosen,), judged))
    return made


def numbers(i: int) -> list[Estimate]:
    found = []
    for t, task in enumerate(TASKS):
        for k, metric in enumerate(METRICS):
            value = (7 * i + 3 * k + t) % 97 / 97
            whole = Estimate(task, metric.name, "all", value, max(0, value - 0.02), value + 0.02, EACH, EACH // 4, 0)
            found.append(whole)
            if k in (0, 4) and i >= 2000 - SAMPLED:
                found += [replace(whole, slice=f"subject=s{s}", n=EACH // 8) for s in range(8)]
    return found


def build(store: Store, first: int, last: int) -> None:
    """Runs first..last; the newest SAMPLED of 2,000 have samples, baselines and verdicts."""
    for i in range(first, last):
        sampled = i >= 2000 - SAMPLED
        run = record(i)
        store.finish(run, {task: outcomes(i, t) for t, task in enumerate(TASKS)} if sampled else {}, numbers(i))
        if sampled:
            rule = {"metric": "*:acc", "limit": "min", "margin": 0.9, "slices": "all", "mode": "interval"}
            said = [
                {"rule": rule | {"on_inconclusive": "warn"}, "task": t, "metric": "acc", "slice": "all", "n": EACH,
                 "state": ("FAIL", "PASS")[(i + k) % 2], "value": 0.6, "baseline": None, "message": "made"}
                for k, t in enumerate(TASKS)
            ]  # fmt: skip
            store.save_verdicts(run.id, {"exit_code": 1, "baseline": None, "verdicts": said})
            store.set_baseline("main", run.id)


# -------------------------------------------------------------------------------------------------------- measurement
@contextmanager
def serving(store: str) -> Iterator[tuple[str, psutil.Process]]:
    """The address of a fresh server, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "harness.cli.main", "dashboard", "--port", str(port), "--store", store]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/_stcore/health").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        children = psutil.Process(process.pid).children(recursive=True)
        yield f"http://127.0.0.1:{port}", max(children, key=lambda child: child.memory_info().rss)
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)


def settled(page: Any, since: float) -> float:
    """Milliseconds on the page's clock at which its script ended after ``since``; waits until nothing follows."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        states = page.evaluate("window.states")
        now = page.evaluate("performance.now()")
        ran = [at for state, at in states if at > since]
        if ran and states[-1][0] == "notRunning" and now - states[-1][1] > 500:
            return float(states[-1][1])
        time.sleep(0.05)
    raise TimeoutError(page.url)


def choose(label: str) -> Callable[[Any], None]:
    """A click that takes another option of a choice: the list is opened before the clock starts."""

    def click(page: Any) -> None:
        box = page.get_by_role("combobox", name=label).first
        box.scroll_into_view_if_needed()
        page.wait_for_timeout(300)  # a page that still scrolls closes the list again
        box.click()
        page.get_by_role("option").nth(1).wait_for()
        page.evaluate("window.clicked = performance.now()")
        page.get_by_role("option").nth(1).click()

    return click


def toggle(text: str) -> Callable[[Any], None]:
    def click(page: Any) -> None:
        page.get_by_text(text, exact=True).first.wait_for()
        page.evaluate("window.clicked = performance.now()")
        page.get_by_text(text, exact=True).first.click()

    return click


PAGES: dict[str, tuple[str, Callable[[Any], None]]] = {
    "overview": ("", choose("Run")),
    "leaderboard": ("leaderboard", toggle("Interval")),
    "run": ("run", toggle("Slices")),
    "samples": ("samples", toggle("Next")),
    "compare": ("compare", choose("Metric of the chart")),
    "safety": ("safety", choose("Probe of this run")),
    "calibration": ("run?part=Calibration", toggle("equal size")),
    "trends": ("history", choose("Model family")),
    "gates": ("history?topic=Gates", choose("Violated rule")),
    "cost": ("history?topic=Cost", choose("Cost")),
}


def measure(store: str, only: Sequence[str]) -> bool:
    """Print a line per page; whether every bound was kept."""
    from playwright.sync_api import sync_playwright

    kept = True
    with serving(store) as (address, server), sync_playwright() as play:
        chromium = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        browser = chromium.new_context(viewport={"width": 1360, "height": 1200})
        for warm in (False, True):
            warming = browser.new_page()  # imports of the server and of the browser are paid once, by nobody's page
            warming.add_init_script(STATES)
            warming.goto(f"{address}/history?topic=Gates")
            at = settled(warming, 0.0) / 1000
            print(f"{'the first page after starting' if not warm else 'a page again':30} {at:6.2f} s", flush=True)
            warming.close()
        for name, (path, click) in PAGES.items():
            if only and name not in only:
                continue
            page = browser.new_page()
            page.add_init_script(STATES)
            page.goto(f"{address}/{path}")
            first = settled(page, 0.0) / 1000
            painted = float(page.evaluate(PAINTED)) / 1000
            click(page)
            clicked = float(page.evaluate("window.clicked"))
            after = (settled(page, clicked) - clicked) / 1000
            broken = page.get_by_test_id("stException").count() + page.get_by_test_id("stAlertContentError").count()
            kept = kept and painted < FIRST and first < WHOLE and after < CLICK and not broken
            memory = server.memory_info().rss / 2**20
            notes = " BROKEN" * (painted >= FIRST or first >= WHOLE or after >= CLICK) + " shows an error" * bool(
                broken
            )
            times = f"painted {painted:6.2f} s   whole {first:6.2f} s   click {after:6.2f} s"
            print(f"{name:12} {times}   server {memory:5.0f} MB{notes}", flush=True)
            page.close()
        memory = server.memory_info().rss / 2**20
        print(f"memory of the server {memory:.0f} MB (bound {MEMORY:.0f})")
        chromium.close()
    return kept and memory < MEMORY


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", required=True, type=Path)
    parser.add_argument("--build", action="store_true")
    parser.add_argument("--runs", default="0:2000", help="with --build: which of the 2,000 runs to make now")
    parser.add_argument("--pages", default="", help="only these, comma-separated")
    asked = parser.parse_args()
    if asked.build:
        first, _, last = asked.runs.partition(":")
        build(open_store(str(asked.store)), int(first), int(last))
        return 0
    return 0 if measure(str(asked.store), [name for name in asked.pages.split(",") if name]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
