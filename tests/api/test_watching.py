"""Checkpoints evaluated as they appear: newest first, once each, whole ones only."""

import json
import shutil

import pytest
from trained import mirror, trainee, watched

from harness import watch
from harness.api.watching import saved_steps
from harness.errors import TimeUp, UsageError
from harness.store import open_store


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of data and a checkpoint."""
    root = tmp_path_factory.mktemp("made")
    made = trainee()
    made.model.save_pretrained(root / "model")
    made.tokenizer.save_pretrained(root / "model")
    return mirror(root / "data"), root / "model"


def put(made, folder, name):
    shutil.copytree(made[1], folder / name)


def watching(made, tmp_path, **own):
    return watch(tmp_path / "ft", [watched()], data=made[0], store=str(tmp_path / "runs"), **own)


def runs(tmp_path):
    return [(run.family, run.model, run.step, run.status) for run in open_store(str(tmp_path / "runs")).runs()]


def test_newest_first_and_only_once(made, tmp_path):
    for name in ("checkpoint-10", "step_20", "checkpoint-25", "logs-30"):
        put(made, tmp_path / "ft", name)
    (tmp_path / "ft" / "logs-30" / "config.json").unlink()
    assert [result.run.step for result in watching(made, tmp_path, once=True, every=10)] == [20, 10]
    assert runs(tmp_path) == [("ft", "ft", 10, "finished"), ("ft", "ft", 20, "finished")]
    assert [result.run.step for result in watching(made, tmp_path, once=True)] == [25]
    assert not list(watching(made, tmp_path, once=True))


def test_what_appears_is_taken_when_it_is_whole_and_at_rest(made, tmp_path):
    (tmp_path / "ft").mkdir()
    looks = []

    def pause(seconds):
        looks.append(seconds)
        place = tmp_path / "ft" / "checkpoint-5"
        if len(looks) == 1:
            put(made, tmp_path / "ft", "checkpoint-5")
            (place / "model.safetensors").rename(place / "part")
        elif len(looks) == 3:
            (place / "part").rename(place / "model.safetensors")
        elif len(looks) == 9:
            raise KeyboardInterrupt

    results = watching(made, tmp_path, wait=7.0, pause=pause)
    assert next(results).run.step == 5
    assert looks == [7.0] * 4  # empty, without weights, still so, then changed, then the same as before


def test_one_that_fails_is_told_and_stops_no_other(made, tmp_path):
    for name in ("checkpoint-1", "checkpoint-2"):
        put(made, tmp_path / "ft", name)
    (tmp_path / "ft" / "checkpoint-2" / "tokenizer.json").write_text("{}")
    told = []
    assert [r.run.step for r in watching(made, tmp_path, once=True, notice=told.append)] == [1]
    assert [text.split(":")[0] for text in told if "failed" in text] == ["step 2 failed"]


def test_the_clock_ends_it_and_an_interrupted_run_is_finished(made, tmp_path):
    put(made, tmp_path / "ft", "checkpoint-3")

    def stop(done, total):
        if 0 < done < total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(watching(made, tmp_path, once=True, progress=stop, cache=False, token_budget=64))
    begun = runs(tmp_path)
    assert begun == [("ft", "ft", 3, "interrupted")]
    assert [r.run.step for r in watching(made, tmp_path, once=True, cache=False, token_budget=64)] == [3]
    assert runs(tmp_path) == [("ft", "ft", 3, "finished")]
    with pytest.raises(TimeUp, match="are over"):
        list(watching(made, tmp_path, max_minutes=1e-9))


def test_the_step_is_what_the_trainer_says(made, tmp_path):
    put(made, tmp_path, "best-1")
    for state, step in (('{"global_step": 40}', 40), ('{"global_step": "40"}', 1), ("[", 1)):
        (tmp_path / "best-1" / "trainer_state.json").write_text(state)
        assert [saved.step for saved in saved_steps(tmp_path)] == [step]
    (tmp_path / "best-1" / "trainer_state.json").write_text(json.dumps({}))
    (tmp_path / "best-1").rename(tmp_path / "best")
    assert saved_steps(tmp_path) == []


@pytest.mark.parametrize(
    ("given", "words"), [({"every": 0}, "every = 0"), ({"resume": True}, "resume"), ({}, "is not a folder")]
)
def test_what_cannot_be_watched(made, tmp_path, given, words):
    with pytest.raises(UsageError, match=words):
        list(watching(made, tmp_path, **given))
