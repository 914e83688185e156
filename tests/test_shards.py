"""Runs in shards: all of them merged have the bits of the run in one piece, and what does not fit is named."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from asking import asked
from click.testing import CliRunner
from forked import command
from tiny import causal, saved

import harness
from harness.answers.shard import Share, shards_in
from harness.api import Result
from harness.cli.main import cli
from harness.engine.backend import Options, agenda_of
from harness.engine.division import shards, units
from harness.engine.load import load
from harness.errors import DataError, RunError, UsageError
from harness.store import open_store
from harness.types import Choose

TASKS = ["demo/sentiment", "demo/qa", "demo/pronouns"]
HARNESS = str(Path(sys.executable).with_name("harness"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return saved(causal("llama", 65), tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def backend(folder):
    return load(str(folder), Options(token_budget=64))


@pytest.fixture(scope="module")
def whole(backend, tmp_path_factory):
    """The run in one piece: numbers and samples."""
    store = str(tmp_path_factory.mktemp("whole"))
    return bits(harness.evaluate(backend, TASKS, store=store, cache=False), store)


def bits(result: Result, store: str):
    samples = {
        task.name: open_store(store).samples(result.run.id, task.name).drop(columns="run", errors="ignore").to_json()
        for task in result.run.tasks
    }
    return [repr(e) for e in result.estimates], samples


def answer(backend, store, numbers, count, **more):
    return [harness.evaluate(backend, TASKS, store=store, shard=f"{i}/{count}", **more) for i in numbers]


def files(store):
    return shards_in(Path(store) / "shards")


@pytest.mark.parametrize("count", [1, 3, 16])
def test_merged_shards_are_the_run_in_one_piece(count, backend, whole, tmp_path):
    store = str(tmp_path)
    parts = answer(backend, store, range(1, count + 1), count)
    assert all(part.estimates == () for part in parts) and open_store(store).runs() == []
    assert len(files(store)) == count
    result = harness.merge(store=store, tasks=TASKS)
    assert bits(result, store) == whole
    assert result.run.engine["shards"] == count and not files(store)
    assert [run.status for run in open_store(store).runs()] == ["finished"]


def test_every_question_is_in_one_shard_and_units_are_fine(backend):
    questions = asked([Choose(f"w{i % 9} w{i % 7} w3", (" w1", " w2 w4")) for i in range(100)])
    batches = agenda_of(backend, questions).batches()
    parts = shards(batches, 4)
    assert sorted(i for part in parts for i in part) == list(range(100))
    assert all(set(b.positions) <= part or not part & set(b.positions) for b in batches for part in parts)
    cut = units(batches, 2)
    share = sum(batch.cost for batch in batches) / 2
    assert all(len(unit.batches) == 1 or unit.cost <= share / 2 for unit in cut)
    assert [unit.cost for unit in cut] == sorted((unit.cost for unit in cut), reverse=True)


def test_a_missing_shard_is_named_or_computed_by_a_last_resume(backend, whole, tmp_path):
    store = str(tmp_path)
    answer(backend, store, [1, 2, 4], 4)
    with pytest.raises(UsageError, match="shard 3/4 is missing"):
        harness.merge(store=store, tasks=TASKS)
    result = harness.evaluate(backend, TASKS, store=store, resume=True)
    assert bits(result, store) == whole and not files(store)


def test_a_shard_that_is_there_twice_is_named(backend, tmp_path):
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    answer(backend, one, [1, 2], 2)
    answer(backend, other, [2], 2)
    with pytest.raises(UsageError, match=r"shard 2/2 is there twice: .*one.* and .*other"):
        harness.merge([*files(one), *files(other)], TASKS, store=one)
    assert open_store(one).runs() == []


@pytest.mark.parametrize(
    ("more", "reason"),
    [({"limit": 3}, "settings.limit 3 instead of None"), ({"seed": 7}, "settings.seed 7 instead of 0")],
)
def test_a_shard_of_other_settings_is_named(more, reason, backend, tmp_path):
    store = str(tmp_path)
    answer(backend, store, [1, 2], 3)
    answer(backend, store, [3], 3, **more)
    with pytest.raises(UsageError, match=f"shard 3/3 is not of the run of .*{reason}"):
        harness.merge(store=store, tasks=TASKS)


def test_a_shard_of_another_model_is_named(backend, tmp_path, tmp_path_factory):
    store = str(tmp_path)
    answer(backend, store, [1, 2], 3)
    other = load(str(saved(causal("qwen2", 65), tmp_path_factory.mktemp("other"))), Options(token_budget=64))
    answer(other, store, [3], 3)
    with pytest.raises(UsageError, match="shard 3/3 is not of the run of .*model"):
        harness.merge(store=store, tasks=TASKS)


def test_an_unfinished_shard_and_a_foreign_file_are_named(backend, tmp_path):
    store = str(tmp_path)
    answer(backend, store, [1, 2], 2)
    last = files(store)[1]
    whole = last.read_bytes()
    last.write_bytes(whole.splitlines(keepends=True)[0])
    with pytest.raises(UsageError, match=r"shard 2/2 is not finished: \d+ of \d+ questions"):
        harness.merge(store=store, tasks=TASKS)
    last.write_bytes(b"not a journal\n")
    with pytest.raises(DataError, match="no shard of a run"):
        harness.merge(store=store, tasks=TASKS)


def test_tasks_that_changed_since_are_refused(backend, tmp_path):
    store = str(tmp_path)
    answer(backend, store, [1], 1)
    with pytest.raises(DataError, match="other questions"):
        harness.merge(store=store, tasks=TASKS[:2])


def test_a_file_from_outside_chooses_no_tasks_no_scorer_and_no_model(tmp_path):
    """Its recipe would read a task file whose metric is code."""
    script, task = tmp_path / "metric.py", tmp_path / "evil.toml"
    script.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef f(predictions, references): return 0.0\n")
    (tmp_path / "rows.jsonl").write_text('{"question": "a", "answer": "b"}\n')
    task.write_text(f'data = "rows.jsonl"\nmetrics = ["python:{script.name}:f"]\n')
    own = str(tmp_path / "own")
    harness.evaluate("scripted:oracle", [str(task)], store=own, shard="1/1")
    (tmp_path / "ran").unlink(missing_ok=True)
    [file] = files(own)
    sent = file.rename(tmp_path / file.name)
    with pytest.raises(UsageError, match="names no tasks that may be read here"):
        harness.merge([sent], store=own)
    assert not (tmp_path / "ran").exists()
    assert harness.merge([sent], [str(task)], store=own).run.recipe == {}
    assert (tmp_path / "ran").exists()


def test_a_file_from_outside_names_no_file_of_swaps(tmp_path):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("first,second\nking,queen\nhis,her\ngood,bad\nwas,is\n")
    store = str(tmp_path / "store")
    harness.evaluate("scripted:oracle", "demo/qa", store=store, shard="1/1", counterfactual=(str(pairs),))
    [file] = files(store)
    sent = file.rename(tmp_path / file.name)
    with pytest.raises(UsageError, match="which a file from outside the store may not"):
        harness.merge([sent], "demo/qa", store=store)


def test_a_shard_is_written_by_one_process_at_a_time(backend, tmp_path):
    store = str(tmp_path)
    answer(backend, store, [1], 1)
    with files(store)[0].open("rb") as file:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="another run is writing"):
            answer(backend, store, [1], 1)
        with pytest.raises(UsageError, match="still at work"):
            harness.merge(store=store, tasks=TASKS)


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/2", "1/4/2", "٣/4"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(UsageError, match="of the form I/N"):
        Share.of(text)


def test_a_job_array_by_the_command_line_with_a_killed_job(tmp_path):
    """The third job is killed at its work and started again; the merged numbers are those of one process."""
    run = ["run", "scripted:slow-60", "--tasks", ",".join(TASKS), "--quiet"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}

    def job(number):
        return subprocess.Popen([HARNESS, *run, "--shard", f"{number}/3"], cwd=tmp_path, env=env)

    jobs = [job(number) for number in (1, 2, 3)]
    deadline = time.monotonic() + 60
    while not any(p.stat().st_size > 3000 for p in (tmp_path / "harness-results" / "shards").glob("*-3-of-3.shard")):
        assert time.monotonic() < deadline and jobs[2].poll() is None
        time.sleep(0.005)
    jobs[2].send_signal(signal.SIGKILL)
    assert [one.wait(60) for one in jobs] == [0, 0, -signal.SIGKILL]
    told = CliRunner().invoke(cli, ["merge", "--store", str(tmp_path / "harness-results")])
    assert told.exit_code == 2 or "not finished" in str(told.exception)
    assert job(3).wait(60) == 0
    assert command("merge", "--quiet", cwd=tmp_path).returncode == 0
    assert command(*run, "--store", "one", cwd=tmp_path).returncode == 0
    numbers = []
    for store in ("harness-results", "one"):
        [found] = open_store(str(tmp_path / store)).runs()
        numbers.append([repr(e) for e in open_store(str(tmp_path / store)).results(found.id)])
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize("given", [{"limit": 5}, {"device": "cuda"}])
def test_shards_are_not_asked_otherwise_afterwards(given: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="shards say themselves how they were asked"):
        harness.merge(store=str(tmp_path), **given)
