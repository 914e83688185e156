"""Each example works as it is written: the task, the plug-in, the suite, the gate and the notebook."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from forked import command

import harness

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


def test_the_task_in_python(tmp_path: Path) -> None:
    words = [sys.executable, str(EXAMPLES / "task.py"), "scripted:opposite"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^ +all +0\.0 .* 12 +0$", done.stdout, re.MULTILINE)
    assert "continent=Africa" in done.stdout


def test_the_plug_in_adds_a_task_and_a_metric(tmp_path: Path) -> None:
    source, site = tmp_path / "source", tmp_path / "site"
    shutil.copytree(EXAMPLES / "plugin", source)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(site)]
    subprocess.run([*pip, str(source)], check=True, capture_output=True, timeout=120)
    (tmp_path / "mine.jsonl").write_text('{"question": "Noon?", "answer": "12:00"}\n')
    (tmp_path / "mine.toml").write_text('data = "mine.jsonl"\nmetrics = ["minutes_off"]\nprompt = "{question}"\n')
    done = command(
        "run", "scripted:opposite", "--tasks", "tides/times,mine.toml", "--json", "run.json", cwd=tmp_path,
        PYTHONPATH=os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "run.json").read_text())["results"]
    assert {(r["task"], r["metric"], r["value"]) for r in rows} == {
        ("tides/times", "minutes_off", 720.0),
        ("mine", "minutes_off", 720.0),
    }


def test_the_metric_of_the_plug_in_counts_around_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES / "plugin"))
    from harness_tides import minutes_off

    from harness.types import Example

    value = minutes_off().value
    example = Example("1", {}, ("23:50",))
    assert [value(example, said) for said in ("It is 0:10.", "23:50", "25:99")] == [20.0, 0.0, 720.0]


def test_the_suite(tmp_path: Path) -> None:
    done = command("run", EXAMPLES / "suite.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    listed = command("runs", "list", cwd=tmp_path).stdout
    assert listed.count("finished") == 4


def test_the_gate_passes_the_same_and_stops_the_worse(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    base, same, worse, failing = (
        harness.evaluate(f"scripted:{rule}", "demo/sentiment", store=store).run.id
        for rule in ("oracle", "oracle", "opposite", "fail-every-9")
    )
    place = ("--store", store)
    done = command("baseline", "set", "main", base, "--why", "the first", *place, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    gate = ("gate", EXAMPLES / "gate.toml")
    ends = [command(*gate, r, "--baseline", "main", *place, cwd=tmp_path).returncode for r in (same, worse, failing)]
    assert ends == [0, 1, 1]


def test_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((EXAMPLES / "compare.ipynb").read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
            assert cell["outputs"] == [] and cell["execution_count"] is None  # kept clean
    compared = names["compared"].set_index(["task", "metric"])
    assert compared.loc[("demo/sentiment", "acc"), "difference"] == 1
    assert compared.loc[("demo/qa", "exact_match"), "n"] == 12
    assert all(flip.fixed for flip in names["flips"]) and len(names["wrong"]) == 5
