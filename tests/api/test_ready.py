"""What is missing is named at once, left out on demand and kept with the run; a group works on any kind of model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from serving import serving
from tiny import causal, encoder, saved

import harness
from harness.cli.main import cli
from harness.errors import DataError, RunError, Unsupported
from harness.store import open_store
from harness.subset import shortfall

BIAS = 19
"""Tasks of the group, of which one ships with the program."""


def command(*words: object, exit_code: int = 0) -> Result:
    done = CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=True)
    code = getattr(done.exception, "exit_code", done.return_value if done.exception is None else 1)
    assert (code or 0) == exit_code, (done.output, done.exception)
    return done


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """A folder of data sets that holds none."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_all_that_is_missing_is_named_at_once(nowhere: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"data of {BIAS - 1} of {BIAS} tasks are missing") as error:
        harness.evaluate("scripted:oracle", "bias", data=nowhere, store=str(tmp_path / "s"))
    said = str(error.value)
    for id in ("McGill-NLP/stereoset (2 tasks)", "heegyu/bbq (11 tasks)", "oskarvanderwal/winogender (winogender)"):
        assert id in said
    assert "harness data fetch" in said and "--skip-missing" in said
    assert not (tmp_path / "s").exists()


def test_a_base_of_what_is_no_adapter_is_told_before_any_run(tmp_path: Path) -> None:
    words = ("run", "scripted:oracle", "scripted:opposite", "-t", "demo/qa", "--base", "b", "--store", tmp_path / "s")
    told = str(command(*words, exit_code=2).exception)
    assert told.startswith("2 things are missing") and "scripted:oracle is none" in told
    assert not (tmp_path / "s").exists()


def test_a_model_that_is_no_checkpoint_waits_for_no_torch(tmp_path: Path) -> None:
    code = f"""
import sys, harness
harness.evaluate("scripted:oracle", "demo/qa", limit=1, store={str(tmp_path)!r})
harness.evaluate(str.upper, "demo/qa", limit=1, store={str(tmp_path)!r})
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_what_is_missing_is_left_out_told_and_kept(nowhere: Path, tmp_path: Path) -> None:
    told: list[str] = []
    store = str(tmp_path / "s")
    result = harness.evaluate(
        "scripted:oracle", "bias", data=nowhere, store=store, skip_missing=True, limit=6, notice=told.append
    )
    assert [task.name for task in result.run.tasks] == ["demo/pronouns"]
    assert "left out: crows_pairs, crows_pairs/masked: no data (nyu-mll/crows_pairs)" in told
    [kept] = open_store(store).runs()
    assert len(kept.left_out) == BIAS - 1
    assert kept.left_out["winogender"] == "no data (oskarvanderwal/winogender)"
    assert shortfall(kept) == f"6 of 70 examples, sampled; {BIAS - 1} tasks left out"
    assert "left out  winogender: no data" in command("show", kept.id, "--store", store).output
    card = harness.report(kept.id, "bias", store=store)
    assert "eft out: crows_pairs, crows_pairs/masked: no data" in (card if isinstance(card, str) else json.dumps(card))


def test_a_group_leaves_out_what_has_no_variants_and_a_named_task_is_refused_first(tmp_path: Path) -> None:
    store = str(tmp_path / "s")
    asked = harness.evaluate("scripted:oracle", "demo", store=store, perturb=("typos",), limit=4).run
    assert [task.name for task in asked.tasks] == ["demo/sentiment", "demo/qa", "demo/en_de"]
    assert asked.left_out["demo/pronouns"].startswith("asks for the likelihood of given texts")
    forecast = harness.dry_run("scripted:oracle", "demo", perturb=("typos",), limit=4)
    assert [task.task for task in forecast.missing] == ["demo/pronouns"] and not forecast.refused
    words = ("run", "scripted:oracle", "scripted:opposite", "-t", "demo/qa,demo/pronouns", "--perturb", "typos")
    told = command(*words, "--store", store, exit_code=2).exception
    assert str(told).startswith("demo/pronouns asks for the likelihood of given texts")
    assert len(open_store(store).runs()) == 1


def test_nothing_left_is_an_error(nowhere: Path) -> None:
    with pytest.raises(DataError, match="no task is left: winogender: no data"):
        harness.evaluate("scripted:oracle", "winogender", data=nowhere, skip_missing=True)


def test_a_scorer_that_is_missing_is_named_with_the_data(nowhere: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data of .* are missing: .*; .* need a scorer of texts"):
        harness.evaluate("scripted:oracle", ["toxicity", "winogender"], data=nowhere, store=str(tmp_path / "s"))


# --------------------------------------------------------------------------------------- groups on any kind of model
def crows(folder: Path) -> Path:
    """One pair of CrowS-Pairs in the Hub's layout."""
    row = {
        "id": 1, "sent_more": "the old house was small", "sent_less": "the new house was small", "stereo_antistereo": 0,
        "bias_type": 0, "annotations": [[0]], "anon_writer": "a", "anon_annotators": ["a"],
    }  # fmt: skip
    place = folder / "nyu-mll" / "crows_pairs" / "crows_pairs" / "test.jsonl"
    place.parent.mkdir(parents=True)
    place.write_text("".join(json.dumps(row | {"id": i}) + "\n" for i in range(4)), encoding="utf-8")
    return folder


@pytest.mark.parametrize("kind", ["causal", "masked", "chat"])
def test_a_group_leaves_out_what_a_kind_of_model_cannot_be_asked(kind: str, tmp_path: Path) -> None:
    data = crows(tmp_path / "data")
    told: list[str] = []
    more = {"data": data, "store": str(tmp_path / "s"), "skip_missing": True, "limit": 4, "notice": told.append}
    if kind == "chat":
        with serving(lambda handler, body: {"choices": [{"message": {"content": "A"}, "finish_reason": "stop"}]}) as s:
            options = harness.Options(base_url=s.url, chat=True)
            result = harness.evaluate("openai:m", ["bias", "demo/qa"], options=options, **more)  # type: ignore[arg-type]
        asked, left = {"demo/qa"}, {"demo/pronouns", "crows_pairs", "crows_pairs/masked"}
    else:
        made = causal("llama", 65) if kind == "causal" else encoder("bert", 65)
        model = str(saved(made, tmp_path / "model"))
        result = harness.evaluate(model, "bias", **more)  # type: ignore[arg-type]
        asked = {"demo/pronouns", "crows_pairs"} | ({"crows_pairs/masked"} if kind == "masked" else set())
        left = {"crows_pairs/masked"} - asked
    assert {task.name for task in result.run.tasks} == asked
    unable = {name: why for name, why in result.run.left_out.items() if "answers no" in why}
    assert unable.keys() == left
    assert all(any(name in text and "answers no" in text for text in told) for name in left)


def test_a_task_that_is_named_by_itself_is_refused_and_not_left_out(tmp_path: Path) -> None:
    model = str(saved(causal("llama", 65), tmp_path / "model"))
    with pytest.raises(Unsupported, match="cannot answer PseudoLikelihood"):
        harness.evaluate(model, ["tag:demo", "crows_pairs/masked"], data=crows(tmp_path / "data"))


def test_shards_of_a_group_leave_out_the_same(tmp_path: Path) -> None:
    model = str(saved(causal("llama", 65), tmp_path / "model"))
    more = {"data": crows(tmp_path / "data"), "store": str(tmp_path / "s"), "skip_missing": True}
    for shard in ("1/2", "2/2"):
        harness.evaluate(model, "bias", shard=shard, **more)  # type: ignore[arg-type]
    merged = harness.merge(store=str(tmp_path / "s")).run
    whole = harness.evaluate(model, "bias", **more).run  # type: ignore[arg-type]
    assert merged.left_out == whole.left_out and "crows_pairs/masked" in merged.left_out
    assert [task.name for task in merged.tasks] == [task.name for task in whole.tasks]


# --------------------------------------------------------------------------------------------------------------- fetch
def task_of(path: Path, id: str) -> str:
    path.write_text(
        f'data = {{id = "{id}", split = "test"}}\nprompt = "{{question}}"\nchoices = ["yes", "no"]\n', encoding="utf-8"
    )
    return str(path)


def test_fetched_data_are_read_without_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "org" / "set"  # a folder of that name stands for the Hub's data set
    source.mkdir(parents=True)
    rows = [{"question": f"Is {i} even?", "answer": "yes" if i % 2 == 0 else "no"} for i in range(6)]
    (source / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    dataset = harness.hub("org/set")
    said = command("data", "fetch", "--data", "kept", task_of(tmp_path / "own.toml", "org/set")).output
    assert "1 data sets fetched" in said
    kept = tmp_path / "kept" / "org" / "set" / "default" / "test.jsonl"
    assert [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()] == rows
    assert harness.data.load(dataset, tmp_path / "kept").sha256 == harness.data.load(dataset).sha256
    assert "nothing to fetch" in command("data", "fetch", "--data", "kept", "own.toml").output


def test_nothing_is_written_outside_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="outside"):
        harness.fetch(task_of(tmp_path / "own.toml", "../../stolen"), tmp_path / "a" / "kept")
