"""What a shell offers after a part of a command, asked as the shell asks."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from forked import command

from harness.api import evaluate
from harness.cli.completion import OWN, SHELLS, SOURCES
from harness.cli.main import COMMANDS, cli
from harness.store.peek import run_names


def offered(words: str, folder: Path) -> list[str]:
    """The names that are offered for the last of some words, which may be empty."""
    count = len(words.split(" ")) - 1
    asked = {"_HARNESS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    done = command(cwd=folder, **asked)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("completion")
    run = evaluate(
        "scripted:oracle", "demo/qa", limit=2, store=str(place / "st"), name="my-ft", tags=("nightly",)
    ).run.id
    (place / "id").write_text(run)
    return place


@pytest.mark.parametrize(
    ("words", "among"),
    [
        ("harness run smollm2 -t demo/", {"plain,demo/qa", "plain,demo/sentiment"}),
        ("harness run smollm2 --tasks demo/qa,demo/se", {"plain,demo/qa,demo/sentiment"}),
        ("harness run smollm2 --tasks tag:bia", {"plain,tag:bias"}),
        ("harness run s", {"plain,smollm2", "plain,scripted:oracle"}),
        ("harness run op", {"plain,openai:"}),
        ("harness run ./suite", {"file,./suite"}),
        ("harness doctor smo", {"plain,smollm2"}),
        ("harness list tasks --group gl", {"plain,glue"}),
        ("harness list tasks --tag bia", {"plain,bias"}),
        ("harness info acc_n", {"plain,acc_norm"}),
        ("harness table --metric exact", {"plain,exact_match"}),
        ("harness show --store st ", {"plain,latest", "plain,my-ft", "plain,nightly"}),
        ("harness compare --store st latest ni", {"plain,nightly"}),
        ("harness runs rm --store st my", {"plain,my-ft"}),
        ("harness gate check --store st gate.toml la", {"plain,latest"}),
        ("harness report --store st my", {"plain,my-ft"}),
        ("harness dash", {"plain,dashboard"}),
    ],
)
def test_names_are_offered(folder: Path, words: str, among: set[str]) -> None:
    assert among <= set(offered(words, folder))


def test_the_ids_of_runs_and_a_store_that_is_none(folder: Path) -> None:
    assert f"plain,{(folder / 'id').read_text()}" in offered("harness show --store st 2", folder)
    assert offered("harness show --store none x", folder) == ["file,x"]
    (folder / "bad").mkdir()
    (folder / "bad/catalogue.sqlite").write_bytes(b"SQLite format 3\0 and then nothing")
    assert offered("harness show --store bad x", folder) == ["file,x"]
    assert not (folder / "none").exists()


def test_names_of_runs_need_no_heavy_library(folder: Path) -> None:
    program = "import sys, harness.store.peek as p; print(p.run_names('st')[:3]); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    names, modules = done.stdout.splitlines()
    assert names == "['latest', 'nightly', 'my-ft']"
    assert not any(f"'{heavy}'" in modules for heavy in ("sqlalchemy", "pyarrow", "numpy", "duckdb", "click"))


def test_other_databases_offer_no_names() -> None:
    assert run_names("postgresql://nowhere/x") == []


def parameters(one: click.Command) -> set[str]:
    inner = one.commands.values() if isinstance(one, click.Group) else ()
    return {str(param.name) for param in one.params}.union(*map(parameters, inner))


def test_every_source_belongs_to_a_parameter() -> None:
    commands = {name: cli.get_command(click.Context(cli), name) for name in COMMANDS}
    there = set().union(*(parameters(one) for one in commands.values() if one))
    assert set(SOURCES) <= there and {name for _, name in OWN} <= there


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_asks_this_program(shell: str, folder: Path) -> None:
    done = command("completion", shell, cwd=folder)
    assert done.returncode == 0 and f"_HARNESS_COMPLETE={shell}_complete" in done.stdout
