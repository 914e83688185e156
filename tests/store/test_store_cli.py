"""Stored runs from the command line, moved between stores, and as data frames."""

import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from stored import estimate, outcomes, run, task

from harness.api import evaluate
from harness.cli.runs import command as runs
from harness.cli.samples import command as samples
from harness.cli.show import command as show
from harness.errors import DataError, StoreError, UnknownName, UsageError
from harness.metrics.classify import proportion
from harness.metrics.estimate import estimate as computed
from harness.store.frames import load
from harness.store.transfer import export, import_run
from harness.types import Judged, MetricRecord


@pytest.fixture
def filled(store):
    store.start(run())
    numbers = [
        estimate(),
        estimate(slice="gender=female", value=1.0, n=1, low=None, high=None),
        estimate("f1", 0.123456),
    ]
    store.finish(run(), {"toy/choice": outcomes(30)}, numbers)
    return store


def counted(store):
    """A finished run whose numbers are those of its samples."""
    acc = MetricRecord(name="acc", interval="wilson")
    made = run("run-2", tasks=(replace(task(), n=33, metrics=(acc,)),))
    store.finish(made, {"toy/choice": outcomes(30)}, [computed("toy/choice", proportion("acc"), "all", outcomes(30))])
    return store.run("run-2")


def call(command, *args):
    done = CliRunner().invoke(command, [str(a) for a in args], catch_exceptions=False, standalone_mode=False)
    assert done.exception is None
    return done.output


def test_show(filled, place, tmp_path):
    filled.tag("run-1", "best")
    said = call(show, "best", "--store", place.url, "--json", tmp_path / "out.json")
    for words in (
        "run-1  finished",
        "tags      best",
        "model     toy",
        "settings  shots=2",
        "data sha256 dddd",
        "weights: sha of toy",
    ):
        assert words in said
    lines = [line.split() for line in said.splitlines() if "│" in line and ("acc" in line or "f1" in line)]
    assert any({"0.75", "[0.5,", "0.9]", "all"} <= set(line) for line in lines)
    assert any({"gender=female", "1", "-"} <= set(line) for line in lines)
    assert any("0.1235" in line for line in lines)
    page = json.loads((tmp_path / "out.json").read_text())
    assert (page["run"], page["model"], page["status"]) == ("run-1", "toy", "finished")
    assert page["results"][1] == {
        "task": "toy/choice", "metric": "acc", "slice": "gender=female", "value": 1.0, "low": None, "high": None,
        "n": 1, "clusters": 3, "failed": 1,
    }  # fmt: skip
    with pytest.raises(UnknownName, match="did you mean run-1"):
        call(show, "rum-1", "--store", place.url)
    with pytest.raises(UnknownName, match="task of run"):
        call(show, "run-1", "--store", place.url, "--task", "nope")


def test_show_a_run_without_numbers(store, place):
    store.start(run())
    store.fail("run-1", "failed", "out of memory")
    said = call(show, "run-1", "--store", place.url)
    assert "failed: out of memory" in said and "no numbers: the run is failed" in said


def test_samples(filled, place, tmp_path):
    args = ["run-1", "toy/choice", "--store", place.url, "--where", "correct = false", "--sort", "value.logprob"]
    said = call(samples, *args, "--limit", 2)
    assert "e29" in said and "e27" in said and "e25" not in said and "2 samples" in said
    call(samples, *args, "--limit", 2, "--json", tmp_path / "out.json")
    page = json.loads((tmp_path / "out.json").read_text())
    assert [row["example_id"] for row in page] == ["e29", "e27"]
    assert page[0]["target"] == 1 and page[0]["values"] == {"acc": 0.0, "logprob": -3.0}
    assert page[0]["requests"][0]["choices"] == [" yes", " no"] and page[0]["failure_kind"] is None
    said = call(samples, "run-1", "toy/choice", "--store", place.url, "--where", "failure_kind is not null")
    assert "timeout" in said and "0" not in said.split("gone")[1].split("timeout")[0]
    assert "no samples match" in call(samples, "run-1", "toy/choice", "--store", place.url, "--where", "false")
    with pytest.raises(UsageError, match="columns: row"):
        call(samples, "run-1", "toy/choice", "--store", place.url, "--where", "korrect")
    with pytest.raises(StoreError, match="there is no store at"):
        call(samples, "run-1", "t", "--store", tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_sample_cannot_write_to_the_terminal(store, place):
    shout = replace(outcomes(1)[0], judged=Judged("\x1b[2Jgone [red]x", {}, None))
    store.finish(run(), {"toy/choice": [shout]}, [])
    said = call(samples, "run-1", "toy/choice", "--store", place.url)
    assert "\\u001b[2Jgone [red]x" in said and "\x1b" not in said


def test_runs_list_tag_rm(filled, place, tmp_path):
    filled.start(run("run-2", model="big", started="2026-02-01T00:00:00+00:00"))
    filled.fail("run-2", "failed", "")
    at = ("--store", place.url)
    call(runs, "tag", "run-1", "a", "b", *at)
    call(runs, "list", *at, "--json", tmp_path / "l.json")
    listed = json.loads((tmp_path / "l.json").read_text())
    assert [(r["run"], r["status"], r["tags"]) for r in listed] == [
        ("run-2", "failed", ""),
        ("run-1", "finished", "a, b"),
    ]
    assert "run-1" not in call(runs, "list", "--model", "big", *at)
    assert "no runs fit" in call(runs, "list", "--task", "nope", *at)
    call(runs, "tag", "run-1", "a", "--remove", *at)
    with pytest.raises(UnknownName):
        call(runs, "tag", "run-2", "b", "--remove", *at)
    with pytest.raises(UnknownName):
        call(runs, "rm", "run-1", "nope", *at)
    assert len(filled.runs()) == 2
    assert call(runs, "rm", "b", "run-2", *at) == "removed run-1\nremoved run-2\n"
    assert filled.runs() == []


def test_another_run_of_the_same_id_is_not_taken_for_it(filled, place, new_place, tmp_path):
    counted(filled)
    export(filled, "run-2", tmp_path / "r.zip")
    other = new_place().open()
    counted(other)
    assert import_run(other, tmp_path / "r.zip").id == "run-2"
    other.rm("run-2", force=True)
    other.start(replace(filled.run("run-2"), status="running", model="another"))
    with pytest.raises(UsageError, match="has another run run-2 already"):
        import_run(other, tmp_path / "r.zip")


def test_a_run_moves_between_stores_as_one_file(filled, place, new_place, tmp_path):
    made = counted(filled)
    filled.tag("run-2", "mine")
    call(runs, "export", "run-2", tmp_path / "r.zip", "--store", place.url)
    other = new_place().open()
    assert import_run(other, tmp_path / "r.zip") == replace(made, imported=True) == other.run("mine")
    assert other.results("run-2") == filled.results("run-2")
    assert list(other.outcomes("run-2", "toy/choice")) == outcomes(30)
    assert other.artifacts("run-2") == filled.artifacts("run-2")
    told: list[str] = []
    assert import_run(other, tmp_path / "r.zip", notice=told.append) == other.run("run-2")
    assert told == ["run-2 is in the store already"] and len(other.runs()) == 1
    with pytest.raises(UsageError, match="is a folder; name a file in it"):
        export(filled, "run-2", tmp_path)


def test_files_that_are_not_imported(filled, new_place, tmp_path):
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    counted(filled)
    export(filled, "run-2", good)
    with zipfile.ZipFile(good) as archive:
        page, name = json.loads(archive.read("run.json")), "samples/run-2/toy/choice.parquet"
        data = archive.read(name)
    other = new_place().open()

    def pack(page, data):
        with zipfile.ZipFile(bad, "w") as archive:
            archive.writestr("run.json", json.dumps(page))
            archive.writestr(name, data)

    cases = [
        (page, data[:-9] + b"X" + data[-8:], f"{name} in .* is corrupt: sha256 [0-9a-f]{{64}}, not"),
        ({**page, "format": 3}, data, "has format 3; this program reads 1 to 2"),
        ({**page, "run": {"id": "x"}}, data, "is not an exported run"),
        ({k: v for k, v in page.items() if k != "run"}, data, "is not an exported run"),
    ]
    for wrong, content, words in cases:
        pack(wrong, content)
        with pytest.raises(DataError, match=words):
            import_run(other, bad)
    bad.write_bytes(good.read_bytes()[:500])
    with pytest.raises(DataError, match="cannot read"):
        import_run(other, bad)
    with pytest.raises(UsageError, match="there is no file"):
        import_run(other, tmp_path / "none.zip")
    assert other.runs() == [] and list(Path(other.folder.url).rglob("*.parquet*")) == []
    filled.start(run("half"))
    with pytest.raises(UsageError, match="only a finished run can be exported"):
        export(filled, "half", bad)


def test_frames(filled, place):
    frames = load(place.url)
    frame = frames.results()
    assert list(frame.columns)[:6] == ["run", "model", "started", "task", "metric", "slice"]
    assert frame["value"].tolist() == [0.75, 1.0, 0.123456]
    assert frame["low"].isna().tolist() == [False, True, False]
    assert frames.results("run-1", metric="acc", slice="all")["n"].tolist() == [4]
    assert frames.results(["run"], model="other").empty and "value" in frames.results(model="other")
    assert frames.samples("run-1", "toy/choice", where="correct")["value.acc"].sum() == 15.0
    runs = frames.runs()
    assert runs["run"].tolist() == ["run-1"] and runs["started"][0].year == 2026
    with pytest.raises(UnknownName):
        frames.results("nope")


def test_the_plot_of_the_readme(tmp_path, monkeypatch):
    """The example as it is written, on two runs."""
    pytest.importorskip("altair")
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    [example] = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "altair" in block]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_STORE", raising=False)
    for model in ("scripted:oracle", "scripted:opposite"):
        evaluate(model, "demo/sentiment")
    names: dict[str, Any] = {}
    exec(example, names)
    assert sorted(names["found"]["model"]) == ["scripted:opposite", "scripted:oracle"]
    worst = names["found"]["model"][0] == "scripted:opposite"
    assert len(names["wrong"]) == (20 if worst else 0)
    page = Path("sentiment.html").read_text()
    assert "scripted:opposite" in page and '"x2": {"field": "high"}' in page
