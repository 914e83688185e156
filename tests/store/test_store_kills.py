"""Twenty kills at seeded moments: a resumed run stores what an undisturbed one does and asks nothing twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from forked import caller

from harness.store import open_store

HARNESS = str(Path(sys.executable).with_name("harness"))
RUN = ["run", "scripted:slow-30", "--tasks", "demo/sentiment,demo/qa,demo/pronouns", "--quiet", "--store", "store"]


def start(cwd: Path, *more: str, program: Sequence[str] = (HARNESS,)) -> subprocess.Popen[str]:
    """A run; what will be killed is a process that is really new."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("HARNESS_")} | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*program, *RUN, *more], cwd=cwd, env=env, stderr=subprocess.PIPE, text=True)


def journal(cwd: Path) -> bytes:
    found = b""
    for path in (cwd / "store" / "journals").glob("*.journal"):
        with suppress(FileNotFoundError):  # the run has ended meanwhile and removed it
            found += path.read_bytes()
    return found


def wait_for(cwd: Path, process: subprocess.Popen[str], size: int) -> None:
    """Until the journal holds ``size`` bytes or the run is over."""
    while process.poll() is None and len(journal(cwd)) < size:
        time.sleep(0.002)


def stored(cwd: Path) -> tuple[list[str], list[list[str]]]:
    """Every number and every outcome of the one finished run, as they are written."""
    store = open_store(str(cwd / "store"), create=False)
    [run] = [r for r in store.runs() if r.status == "finished"]
    outcomes = [[repr(outcome) for outcome in store.outcomes(run.id, task.name)] for task in run.tasks]
    return [repr(e) for e in store.results(run.id)], outcomes


def positions(content: bytes) -> list[int]:
    """Which questions the whole records of a journal answer, in their order."""
    whole = content[: content.rfind(b"\n") + 1].splitlines()[1:]
    return [position for line in whole for position, _ in json.loads(line.partition(b" ")[2])["answers"]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[list[str], list[list[str]]], int]:
    """What an undisturbed run stores, and how long its journal is shortly before its end."""
    cwd, size = tmp_path_factory.mktemp("undisturbed"), 0
    process = start(cwd)
    while process.poll() is None:
        size = max(size, len(journal(cwd)))
        time.sleep(0.002)
    assert process.returncode == 0
    return stored(cwd), size


@pytest.mark.parametrize("moment", range(20))
def test_a_killed_run_is_finished_with_the_same_bits(
    moment: int, tmp_path: Path, undisturbed: tuple[tuple[list[str], list[list[str]]], int]
) -> None:
    expected, size = undisturbed
    process = start(tmp_path)
    wait_for(tmp_path, process, random.Random(moment).randrange(1, size * 7 // 10))
    process.kill()
    assert process.wait() == -signal.SIGKILL
    before = journal(tmp_path)
    again = start(tmp_path, "--resume", program=caller())
    longest = before
    while again.poll() is None:
        longest = max(longest, journal(tmp_path), key=len)
        time.sleep(0.001)
    assert again.returncode == 0, again.stderr and again.stderr.read()
    assert stored(tmp_path) == expected
    answered = positions(longest)
    assert len(answered) == len(set(answered))  # no question was asked twice
    assert longest.startswith(before[: before.rfind(b"\n") + 1])  # and what was there stayed as it was
