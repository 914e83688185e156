"""Where output goes: files, standard output, and the same words for the same thing in every command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from forked import command

from harness.api import evaluate
from harness.cli.main import cli


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of one run."""
    place = tmp_path_factory.mktemp("output")
    evaluate("scripted:oracle", "demo/sentiment", limit=4, store=str(place / "harness-results"))
    return place


def test_a_dash_is_standard_output(folder: Path) -> None:
    done = command("report", "latest", "--format", "json", "--out", "-", cwd=folder)
    assert done.returncode == 0 and json.loads(done.stdout)["schema"]
    done = command("run", "scripted:oracle", "-t", "demo/qa", "-n", "2", "--quiet", "--json", "-", cwd=folder)
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "finished"
    assert [path.name for path in folder.iterdir()] == ["harness-results"]


@pytest.mark.parametrize(
    "words",
    [
        ("run", "scripted:oracle", "-t", "demo/qa", "-n", "2"),
        ("list", "metrics"),
        ("info", "demo/qa"),
        ("compare", "latest", "latest"),
        ("show", "latest"),
        ("contamination", "demo/qa", "--corpus", str(Path(__file__).parents[2] / "README.md")),
    ],
    ids=lambda words: words[0],
)
def test_with_json_on_standard_output_people_read_standard_error(words: tuple[str, ...], folder: Path) -> None:
    done = CliRunner().invoke(cli, [*words, *store_of(words, folder), "--json", "-"])
    assert done.exit_code == 0 and json.loads(done.stdout), done.output
    assert done.stderr.strip() and not done.stderr.lstrip().startswith(("{", "["))


def store_of(words: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    return () if words[0] in ("list", "info") else ("--store", str(folder / "harness-results"))


def test_several_files_do_not_fit_into_standard_output(folder: Path) -> None:
    done = command("report", "latest", "--format", "card", "--out", "-", cwd=folder)
    assert done.returncode == 2 and "name a folder" in done.stderr
    done = command("report", "latest", "--out", "-", "--open", cwd=folder)
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


def test_a_process_that_ends_early_leaves_nothing_undone(tmp_path: Path) -> None:
    """Where torch is there: a plug-in's log, held by an object that holds itself, is written, and handlers run."""
    code = (
        "import atexit, sys; sys.modules['torch'] = sys\n"
        "from harness.cli.process import run\n"
        "class Log: pass\n"
        "log = Log(); log.itself = log; log.file = open('log.txt', 'w'); log.file.write('kept')\n"
        "atexit.register(print, 'handled', end='')\n"
        "class Late:\n"
        "    def __del__(self): print('taken apart', flush=True)\n"
        "late = Late()\n"
        "run()"
    )

    def end(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *words], check=False, capture_output=True, text=True, cwd=tmp_path
        )

    done = end("run", "scripted:oracle", "--tasks", "demo/qa", "-n", "2", "--quiet")
    assert done.returncode == 0 and done.stdout.endswith("handled")
    assert (tmp_path / "log.txt").read_text() == "kept"
    assert not list(tmp_path.rglob("*-wal"))
    assert end("show", "no-such-run").returncode == 2


ENDS = "import sys; sys.modules['torch'] = sys\nfrom harness.cli import process\n"


def test_a_profiler_and_a_tracer_write_what_they_saw(tmp_path: Path) -> None:
    (tmp_path / "command.py").write_text(f"{ENDS}process.run()")
    for words in (["cProfile", "-o", "profile"], ["trace", "--count", "-C", "counted"]):
        line = [sys.executable, "-m", *words, "command.py", "--version"]
        done = subprocess.run(line, check=False, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "profile").stat().st_size and list((tmp_path / "counted").iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
def test_output_that_cannot_be_written_is_told_as_it_ends() -> None:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    code = f"{ENDS}process.main = lambda: print('an answer') or sys.exit(int(sys.argv[1]))\nprocess.run()"
    for given, ends in ((0, 120), (2, 2)):
        with Path("/dev/full").open("w") as full:
            line = [sys.executable, "-c", code, str(given)]
            done = subprocess.run(line, check=False, stdout=full, stderr=subprocess.PIPE, text=True, env=env)
        assert done.returncode == ends
        assert done.stderr == "harness: standard output cannot be written: No space left on device\n"


def test_a_long_path_does_not_hide_which_run_was_imported(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / ("x" * 150) / ("y" * 150) / "run.zip"
    file.parent.mkdir(parents=True)
    done = CliRunner().invoke(cli, ["runs", "export", "latest", str(file), *store_of(("runs",), folder)])
    run = done.output.partition(" -> ")[0]
    done = CliRunner().invoke(cli, ["runs", "import", str(file), "--store", str(tmp_path / "s")])
    assert done.exit_code == 0 and done.output == f"{file} -> {run}\n"
