"""The typed options of a command are the options that click hands it."""

import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from harness.cli import gate, run, samples
from harness.cli.grouped import GROUPS
from harness.cli.run_options import RunOptions
from harness.store import open_store


@pytest.mark.parametrize(
    ("command", "options", "arguments"),
    [
        (run.command, RunOptions, {"models"}),
        (samples.command, samples.SampleOptions, {"run", "task"}),
        (gate.check, gate.CheckOptions, {"rules", "run"}),
        (gate.selftest, gate.SelftestOptions, {"rules", "run"}),
    ],
)
def test_every_option_has_its_type(command: click.Command, options: Any, arguments: set[str]) -> None:
    assert {parameter.name for parameter in command.params} == arguments | set(options.__annotations__)


def test_the_help_of_run_has_every_option_once_under_a_heading() -> None:
    found = [param for param in run.command.params if isinstance(param, click.Option)]
    text = CliRunner().invoke(run.command, ["--help"]).output
    names = {name for group in GROUPS.values() for name in group}
    assert {param.name for param in found} <= names
    for title in GROUPS:
        assert f"\n{title}:\n" in text
    for param in found:
        row = rf"^  (-\w, )?{param.opts[0]}(?![\w-])"
        assert len(re.findall(row, text, re.MULTILINE)) == 1, param.name
    assert "Options:" not in text


def test_short_options_mean_the_long_ones(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    words = ["scripted:oracle", "-t", "demo/sentiment", "-n", "6", "-k", "2", "--store", str(tmp_path / "s")]
    assert CliRunner().invoke(run.command, [*words, "--json", str(out), "--quiet"]).exit_code == 0
    [kept] = open_store(str(tmp_path / "s")).runs()
    assert (kept.settings["limit"], kept.settings["shots"], kept.tasks[0].shots) == (6, 2, 2)
