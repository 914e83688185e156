"""The typed options of a command are the options that click hands it."""

from typing import Any

import click
import pytest

from harness.cli import gate, run, samples
from harness.cli.run_options import RunOptions


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
