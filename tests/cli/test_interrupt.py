"""Ctrl-C and kill: what was answered stays answered, and a resumed run has the same bits."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forked import command

from harness.store import open_store

HARNESS = str(Path(sys.executable).with_name("harness"))
RUN = ["run", "scripted:slow-40", "--tasks", "demo/sentiment,demo/qa,demo/pronouns", "--quiet"]


def start(cwd: Path, *more: str) -> subprocess.Popen[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("HARNESS_")}
    return subprocess.Popen([HARNESS, *RUN, *more], cwd=cwd, env=env, stderr=subprocess.PIPE, text=True)


def wait_for_answers(cwd: Path, size: int) -> None:
    """Until the journal holds more than ``size`` bytes."""
    deadline = time.monotonic() + 60
    journals = cwd / "harness-results" / "journals"
    while time.monotonic() < deadline:
        if any(path.stat().st_size > size for path in journals.glob("*.journal")):
            return
        time.sleep(0.005)
    raise AssertionError("the run wrote no journal")


def stored(cwd: Path) -> tuple[list[str], list[str]]:
    store = open_store(str(cwd / "harness-results"))
    [run] = [r for r in store.runs() if r.status == "finished"]
    samples = [store.samples(run.id, t.name).drop(columns="run", errors="ignore").to_json() for t in run.tasks]
    return [repr(e) for e in store.results(run.id)], samples


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    cwd = tmp_path_factory.mktemp("undisturbed")
    assert command(*RUN, cwd=cwd).returncode == 0
    return stored(cwd)


def test_ctrl_c_keeps_the_journal_and_exits_with_130(tmp_path: Path, undisturbed: tuple[list[str], list[str]]) -> None:
    process = start(tmp_path)
    wait_for_answers(tmp_path, 2000)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    kept, last = filter(None, said.splitlines())
    assert process.returncode == 130 and last == "harness: interrupted"
    assert re.fullmatch(r"harness: \d+ of 2\d\d answers kept; repeat the command with --resume .*", kept)
    assert [r.status for r in open_store(str(tmp_path / "harness-results")).runs()] == ["interrupted"]
    assert command(*RUN, "--resume", cwd=tmp_path).returncode == 0
    assert stored(tmp_path) == undisturbed


@pytest.mark.parametrize("moment", range(6))
def test_kill_at_a_random_moment(moment: int, tmp_path: Path, undisturbed: tuple[list[str], list[str]]) -> None:
    process = start(tmp_path)
    wait_for_answers(tmp_path, random.Random(moment).randrange(100, 20_000))
    process.kill()
    process.wait()
    again = command(*RUN, "--resume", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert stored(tmp_path) == undisturbed


def test_nothing_to_resume_is_said(tmp_path: Path) -> None:
    done = command(*RUN, "--resume", "--limit", "2", cwd=tmp_path)
    assert done.returncode == 0 and "nothing to resume" in done.stderr


def test_two_runs_on_one_store_at_once(tmp_path: Path) -> None:
    both = [start(tmp_path), start(tmp_path)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert [r.status for r in open_store(str(tmp_path / "harness-results")).runs()] == ["finished", "finished"]
