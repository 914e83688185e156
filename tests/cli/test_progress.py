"""How far a run is, told while it runs; a run that stops by a clock; and how to go on."""

import io
import re
import subprocess
import time
from pathlib import Path

import pytest
from forked import command

import harness
from harness.api.time_limit import within
from harness.cli.progress import Pace, progress_bar, spoken
from harness.errors import TimeUp
from harness.store import open_store


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_time_left_counts_from_the_first_question_asked_and_not_what_was_known() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    assert pace.words() == "loading, 0 s"
    clock.now += 20
    assert pace.words() == "loading, 20 s"
    pace(100, 400)  # a resumed run knows 100 answers
    assert pace.words() == "100 of 400 questions, 20 s"
    clock.now += 10
    pace(150, 400)
    assert pace.words() == "150 of 400 questions, 30 s, 5 a second, about 50 s left"
    clock.now += 40  # no batch ends for long: the rate falls while the clock goes on
    assert pace.words() == "150 of 400 questions, 1 min 10 s, 1 a second, about 4 min 10 s left"
    pace.tell("3 workers, 4% idle")
    assert pace.words().endswith("about 4 min 10 s left, 3 workers, 4% idle")
    pace(400, 400)
    assert pace.words() == "400 of 400 questions, 1 min 10 s"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (80, "1 min 20 s"), (3599.6, "1 h 00 min"), (7500, "2 h 05 min")],
)
def test_spoken(seconds: float, words: str) -> None:
    assert spoken(seconds) == words


def wait_for_lines(stream: io.StringIO, count: int) -> None:
    until = time.monotonic() + 60
    while len(stream.getvalue().splitlines()) < count and time.monotonic() < until:
        time.sleep(0.01)


def test_without_a_terminal_a_line_comes_at_intervals_even_if_no_batch_ends() -> None:
    stream = io.StringIO()
    with progress_bar("m", quiet=False, stream=stream, every=0.05) as progress:
        progress(0, 12)
        wait_for_lines(stream, 2)
        progress(6, 12)
        wait_for_lines(stream, len(stream.getvalue().splitlines()) + 2)  # one may have been under way
    lines = stream.getvalue().splitlines()
    assert any(re.fullmatch(r"harness: m: 0 of 12 questions, \d+ s", line) for line in lines)
    assert re.fullmatch(r"harness: m: 6 of 12 questions, \d s, \S+ a second, about \d s left", lines[-1])


def test_quiet_is_silent() -> None:
    stream = io.StringIO()
    with progress_bar("m", quiet=True, stream=stream, every=0.01) as progress:
        progress(1, 2)
        time.sleep(0.1)
    assert stream.getvalue() == ""


# ---------------------------------------------------------------------------------------------------- a limit of time
def test_a_run_is_stopped_only_behind_a_new_batch_and_never_when_it_is_done() -> None:
    clock = Clock()
    seen: list[tuple[int, int]] = []
    listener = within(harness.Listener(progress=lambda done, total: seen.append((done, total))), 2.0, clock)
    clock.now += 500  # loading alone took longer
    listener.progress(10, 30)
    with pytest.raises(TimeUp, match=re.escape("stopped after 2 minutes (--max-minutes)")):
        listener.progress(20, 30)
    listener.progress(30, 30)
    assert seen == [(10, 30), (20, 30), (30, 30)]


def numbers(store: Path) -> list[str]:
    opened = open_store(str(store))
    [run] = opened.runs(status="finished")
    return [repr(e) for e in opened.results(run.id)]


def test_a_run_that_was_stopped_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    words = ["run", "scripted:slow-60", "--tasks", "demo/sentiment,demo/qa", "--max-minutes", "0.005", "--quiet"]

    def begin(*more: str) -> subprocess.CompletedProcess[str]:
        return command(*words, *more, cwd=tmp_path)

    done = begin()
    *_, kept, last = done.stderr.strip().splitlines()
    assert done.returncode == 5 and last == "harness: stopped after 0.005 minutes (--max-minutes)"
    assert re.fullmatch(r"harness: \d+ of 72 answers kept; repeat the command with --resume .*", kept)
    [run] = open_store(str(tmp_path / "harness-results")).runs()
    assert run.status == "interrupted" and "(--max-minutes)" in run.message
    codes = [5]
    while codes[-1] == 5:
        codes.append(begin("--resume").returncode)
    assert len(codes) > 2 and codes[-1] == 0
    harness.evaluate("scripted:oracle", ["demo/sentiment", "demo/qa"], store=str(tmp_path / "whole"))
    assert numbers(tmp_path / "harness-results") == numbers(tmp_path / "whole")


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_a_limit_of_time_is_a_number_above_0(minutes: float) -> None:
    with pytest.raises(harness.errors.UsageError, match="max_minutes"):
        harness.Where(max_minutes=minutes)


def test_an_interrupted_run_says_why_it_ended(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        harness.evaluate("scripted:oracle", "demo/qa", store=str(tmp_path), progress=interrupt)
    [run] = open_store(str(tmp_path)).runs()
    assert run.message == "8 of 32 answers are in the journal: interrupted"
