"""What there is to ask for is found by tag, group, word and data, and everything found is explained."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness import discovery
from harness.cli import info
from harness.cli import list as listing
from harness.discovery import TaskFilter
from harness.errors import UnknownName
from harness.metrics.glossary import MEANINGS, meaning, properties
from harness.plugins import Catalogue, catalogue


@pytest.fixture(scope="module")
def found() -> Catalogue:
    return catalogue()


def test_every_metric_that_is_installed_is_explained(found: Catalogue) -> None:
    names = {metric.name for task in found.tasks.values() for metric in task.metrics}
    assert names == set(MEANINGS)


def test_a_metric_of_somebody_else_is_explained_by_its_own_fields(found: Catalogue) -> None:
    metric = replace(found.tasks["demo/qa"].metrics[0], name="mine", limits="what I count")
    assert meaning("mine", metric) == "what I count"
    assert list(properties(metric)) == ["higher is better", "range 0 to 1", "Wilson's score interval"]


def test_filters_narrow_the_list(found: Catalogue, tmp_path: Path) -> None:
    def names(which: TaskFilter, data: Path | None = None) -> set[str]:
        return {entry.task for entry in discovery.tasks(found, data, which)}

    assert names(TaskFilter(tag="demo")) == {"demo/sentiment", "demo/qa", "demo/en_de", "demo/pronouns"}
    assert names(TaskFilter(tag="demo", search="ENGLISH into german")) == {"demo/en_de"}
    assert {name.partition("/")[0] for name in names(TaskFilter(group="glue"))} == {"glue"}
    hand = names(TaskFilter(at_hand=True), tmp_path)
    assert "demo/qa" in hand and "glue/cola" not in hand
    with pytest.raises(UnknownName, match="unknown tag 'bia'; did you mean bias"):
        names(TaskFilter(tag="bia"))
    with pytest.raises(UnknownName, match="unknown group 'glu'"):
        names(TaskFilter(group="glu"))


def test_numbers_of_a_list_are_numbers(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    for kind in ("tasks", "metrics", "groups", "tags"):
        done = CliRunner().invoke(listing.command, [kind, "--json", str(out)])
        rows = json.loads(out.read_text())
        assert done.exit_code == 0 and len(done.output.splitlines()) == len(rows) + 1
        assert "…" not in done.output
    CliRunner().invoke(listing.command, ["tasks", "--tag", "demo", "--json", str(out)])
    first = json.loads(out.read_text())[0]
    assert (first["task"], first["rows"], first["at_hand"], first["groups"]) == ("demo/sentiment", 40, True, ["demo"])
    done = CliRunner().invoke(listing.command, ["models", "--tag", "demo"])
    assert done.exit_code == 2 and "--tag belongs to `harness list tasks`" in done.output


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("demo/sentiment", ["measures", "Apache-2.0", "acc: accuracy", "(higher is better)", "first question", "[1]"]),
        ("icat", ["LM x min(SS, 100 - SS) / 50", "range 0 to 100", "stereoset/intrasentence"]),
        ("glue", ["a group of 11 tasks", "has its average", "glue/cola"]),
    ],
)
def test_a_name_is_explained(name: str, words: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = CliRunner().invoke(info.command, [name, "--json", str(out)])
    assert done.exit_code == 0
    for word in words:
        assert word in done.output
    assert name in json.loads(out.read_text()).values()


def test_a_task_without_its_data_is_explained_all_the_same(tmp_path: Path) -> None:
    done = CliRunner().invoke(info.command, ["glue/cola", "--data", str(tmp_path)], env={"HF_HUB_OFFLINE": "1"})
    assert done.exit_code == 0 and "to fetch" in done.output and "first question" in done.output


def test_an_unknown_name_and_one_of_several_tasks_are_told() -> None:
    assert "did you mean glue" in str(CliRunner().invoke(info.command, ["gluee"]).exception)
    assert "means 57 tasks" in str(CliRunner().invoke(info.command, ["mmlu/*"]).exception)


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    script = f'{sys.executable} -c \'from harness.cli.main import main; main(["list", "tasks"])\' | head -1'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.startswith("task") and done.stderr == ""
