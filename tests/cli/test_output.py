"""Where output goes: files, standard output, and the same words for the same thing in every command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from harness.api import evaluate
from harness.cli.main import cli


def start(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("HARNESS_")}
    said = [sys.executable, "-m", "harness", *words]
    return subprocess.run(said, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of one run."""
    place = tmp_path_factory.mktemp("output")
    evaluate("scripted:oracle", "demo/sentiment", limit=4, store=str(place / "harness-results"))
    return place


def test_a_dash_is_standard_output(folder: Path) -> None:
    done = start("report", "latest", "--format", "json", "--out", "-", cwd=folder)
    assert done.returncode == 0 and json.loads(done.stdout)["schema"]
    done = start("run", "scripted:oracle", "-t", "demo/qa", "-n", "2", "--quiet", "--json", "-", cwd=folder)
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "finished"
    assert [path.name for path in folder.iterdir()] == ["harness-results"]


def test_several_files_do_not_fit_into_standard_output(folder: Path) -> None:
    done = start("report", "latest", "--format", "card", "--out", "-", cwd=folder)
    assert done.returncode == 2 and "name a folder" in done.stderr
    done = start("report", "latest", "--out", "-", "--open", cwd=folder)
    assert done.returncode == 2 and "--open needs a file" in done.stderr


def commands(command: click.Command, context: click.Context) -> list[click.Command]:
    if not isinstance(command, click.Group):
        return [command]
    inner = (command.get_command(context, name) for name in command.list_commands(context))
    return [one for each in inner if each for one in commands(each, context)]


def test_tasks_are_named_by_one_option_everywhere() -> None:
    every = commands(cli, click.Context(cli))
    options = [p.opts for c in every for p in c.params if isinstance(p, click.Option)]
    naming = [opts for opts in options if {"--task", "--tasks"} & set(opts)]
    assert len(naming) >= 6 and all({"--task", "--tasks", "-t"} <= set(opts) for opts in naming), naming
