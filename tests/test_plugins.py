"""An outside package, really installed, adds a task, a metric and a model; a broken plug-in stops only itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from forked import command

from harness.errors import UnknownName
from harness.plugins import catalogue, select

PACKAGE = Path(__file__).parent / "plugin_package"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed in it."""
    source, target = tmp_path_factory.mktemp("source") / "package", tmp_path_factory.mktemp("site")
    shutil.copytree(PACKAGE, source)
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(target),
    ]
    subprocess.run([*command, str(source)], check=True, capture_output=True, timeout=120)
    return target


def harness(site: Path, cwd: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return command(*args, cwd=cwd, PYTHONPATH=os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))


def test_task_metric_and_model_are_found(site: Path, tmp_path: Path) -> None:
    done = harness(site, tmp_path, "run", "parrot:1", "--tasks", "weather/clouds", "--json", "out.json")
    assert done.returncode == 0, done.stderr
    assert '"value": 0.5' in (tmp_path / "out.json").read_text()
    assert "weather/clouds" in harness(site, tmp_path, "list", "tasks").stdout
    assert "half_right" in harness(site, tmp_path, "list", "metrics").stdout
    assert "parrot:NAME" in harness(site, tmp_path, "list", "models").stdout


def test_a_task_file_names_a_metric_of_the_package(site: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"question": "q", "answer": "four"}\n{"question": "r", "answer": "sixsix"}\n')
    (tmp_path / "sky.toml").write_text('data = "rows.jsonl"\nmetrics = ["letters"]\n')
    done = harness(site, tmp_path, "run", "scripted:oracle", "--tasks", "sky.toml", "--json", "out.json")
    assert done.returncode == 0, done.stderr
    assert '"value": 5.0' in (tmp_path / "out.json").read_text()
    (tmp_path / "sky.toml").write_text('data = "rows.jsonl"\nmetrics = ["half_right"]\n')
    refused = harness(site, tmp_path, "run", "scripted:oracle", "--tasks", "sky.toml")
    assert refused.returncode == 2 and "gives no Measure" in refused.stderr


def test_a_broken_plug_in_is_listed_with_its_reason_and_stops_only_its_own_tasks(site: Path, tmp_path: Path) -> None:
    listed = harness(site, tmp_path, "list", "tasks")
    assert "demo/sentiment" in listed.stdout
    assert "harness-weather (storm = harness_weather.broken:TASKS) is broken" in listed.stderr
    assert "RuntimeError: the barometer is missing" in listed.stderr
    asked = harness(site, tmp_path, "run", "scripted:oracle", "--tasks", "weather/storm")
    assert asked.returncode == 2 and "the barometer is missing" in asked.stderr
    assert len(asked.stderr.strip().splitlines()) == 1


def test_a_model_of_the_package_is_seen_before_a_run(site: Path, tmp_path: Path) -> None:
    """Its tokenizer is unknown here: the prompt is the task's own text, and tokens and time are not known."""
    shown = harness(site, tmp_path, "show-prompt", "weather/clouds", "--model", "parrot:1")
    assert shown.returncode == 0 and "as the task writes it" in shown.stdout, shown.stderr
    seen = harness(site, tmp_path, "run", "parrot:1", "--tasks", "weather/clouds", "--dry-run")
    assert seen.returncode == 0 and "requests  4" in seen.stdout, seen.stderr
    assert "not known beforehand" in seen.stdout


def test_a_broken_exporter_stops_no_other_one_and_is_named(site: Path, tmp_path: Path) -> None:
    asked = ("--store", "exported")
    assert harness(site, tmp_path, "run", "parrot:1", "--tasks", "weather/clouds", *asked).returncode == 0
    done = harness(site, tmp_path, "export", "latest", "--to", "csv", "--out", "table", *asked)
    assert done.returncode == 0, done.stderr
    done = harness(site, tmp_path, "export", "latest", "--to", "rain", *asked)
    assert done.returncode == 2 and "unknown form of export 'rain'" in done.stderr
    assert "(storm = harness_weather.broken:EXPORTS) is broken: RuntimeError" in done.stderr


def test_without_the_package_nothing_of_it_is_there(tmp_path: Path) -> None:
    assert "weather" not in harness(tmp_path, tmp_path, "list", "tasks").stdout


def test_pairs_of_languages_that_are_not_listed_are_tasks_by_name() -> None:
    found = catalogue()
    czech, japanese, short = select(found, ["wmt22/en-cs", "flores/deu_Latn-jpn_Jpan", "flores/deu_Latn-fra_Latn"])
    assert "wmt22/en-cs" not in found.tasks and czech.dataset[0].config == "en-cs"
    assert japanese.dataset[0].config == "deu_Latn-jpn_Jpan" and "tok:char" in str(japanese.metrics)
    assert short.name == "flores/de-fr"
    for wrong in ("wmt22/en-xx", "flores/deu_Latn-xxx_Latn", "flores/de-de", "wmt22/en"):
        with pytest.raises(UnknownName, match="unknown (language|pair of languages)"):
            select(found, [wrong])
    with pytest.raises(UnknownName, match="unknown task"):
        select(found, ["wmt22/*-xx"])
