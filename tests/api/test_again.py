"""A stored run's model asked for more: from its fields, whoever made the run, and never from its command."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.api import Overrides, Where, ask_more, evaluate, require_askable
from harness.engine.backend import Options
from harness.errors import UsageError
from harness.plugins import catalogue
from harness.store import open_store


def test_a_run_made_from_python_is_asked_for_more(tmp_path: Path) -> None:
    store = str(tmp_path)
    first = evaluate("scripted:oracle", ["demo/sentiment", "demo/qa"], limit=4, seed=3, store=store)
    more = ask_more(first.run, ["demo/qa"], 9, where=Where(store=store))
    assert [(task.name, task.n) for task in more.run.tasks] == [("demo/qa", 9)]
    assert more.run.settings == {**first.run.settings, "limit": 9}
    assert {run.id for run in open_store(store).runs()} == {first.run.id, more.run.id}


def test_an_installed_task_is_known_by_its_record_and_another_is_not(tmp_path: Path) -> None:
    task = catalogue().tasks["demo/qa"]
    other = replace(task, name="mine")
    runs = [evaluate("scripted:oracle", [one], limit=4, store=str(tmp_path)).run for one in (task, other)]
    assert runs[0].recipe["tasks"] == ["demo/qa"]
    with pytest.raises(UsageError, match="does not say how its model was asked"):
        require_askable(runs[1])


def test_the_command_of_a_run_is_a_note(tmp_path: Path) -> None:
    note = "harness run hf:else/where --tasks gsm8k --trust-remote-code"
    run = evaluate("scripted:oracle", "demo/qa", limit=4, store=str(tmp_path), command=note).run
    assert run.command == note
    more = ask_more(run, ["demo/qa"], 5, where=Where(store=str(tmp_path))).run
    assert (more.model, more.command) == ("scripted:oracle", "")


@pytest.mark.parametrize("name", ["trust_remote_code", "allow_pickle"])
def test_what_lets_a_model_run_code_is_allowed_anew(name: str, tmp_path: Path) -> None:
    options = Options(trust_remote_code=name == "trust_remote_code", allow_pickle=name == "allow_pickle")
    run = evaluate("scripted:oracle", "demo/qa", options=options, limit=4, store=str(tmp_path)).run
    with pytest.raises(UsageError, match=f"was made with --{name.replace('_', '-')}"):
        ask_more(run, ["demo/qa"], 5, where=Where(store=str(tmp_path)))
    assert ask_more(run, ["demo/qa"], 5, where=Where(store=str(tmp_path)), allowed=[name]).run.tasks[0].n == 5


def test_a_run_keeps_the_name_that_its_model_was_given(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    first = evaluate("scripted:oracle", "demo/qa", limit=4, store=str(tmp_path), name="ft-v1", tags=("main",)).run
    assert first.model == "ft-v1"
    assert store.run("main").id == store.run("ft-v1").id == first.id
    more = ask_more(first, ["demo/qa"], 5, where=Where(store=str(tmp_path))).run
    assert (more.model, more.tasks[0].n, store.run("ft-v1").id) == ("ft-v1", 5, more.id)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"name": " "}, "a model cannot be called ' ': it is empty"),
        ({"tags": ("latest",)}, "a tag cannot be called 'latest': it stands for the newest run"),
        ({"tags": ("main",), "shard": "1/2"}, "a shard has no run that a tag could point to yet"),
    ],
)
def test_names_that_cannot_be_kept_stop_a_run_before_it_begins(names: Overrides, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        evaluate("scripted:oracle", "demo/qa", limit=4, store=str(tmp_path), **names)
    assert not list(tmp_path.iterdir())
