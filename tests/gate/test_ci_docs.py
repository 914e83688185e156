"""The examples of docs/ci.md: files that parse, commands that exist with these options, rules that are understood."""

from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from documented import blocks, calls, page, parsed

from harness.gate.rules import read_gate
from harness.gate.wording import explain

PAGE = page("docs/ci.md")


def test_every_command_of_the_page_parses() -> None:
    found = [parsed(line) for line in calls(PAGE, "yaml")]
    names = {path.removeprefix("harness ") for path in found}
    assert names == {"run", "gate check", "gate selftest", "runs import", "baseline set", "report"}
    assert len(found) >= 10


@pytest.mark.parametrize("line", ["harness gate gate.toml RUN --junti x.xml", "harness gates x", "harness run"])
def test_a_command_that_is_wrong_is_found(line: str) -> None:
    with pytest.raises(click.UsageError):
        parsed(line)


def test_the_rules_are_understood(tmp_path: Path) -> None:
    [text] = blocks(PAGE, "toml")
    (tmp_path / "gate.toml").write_text(text)
    gate = read_gate(tmp_path / "gate.toml")
    assert [rule.slices for rule in gate.rules] == ["all", "all", "worst", "all", "all"]
    assert "on the worst slice" in explain(gate.rules[2], gate.alpha) and gate.quarantine[0].why


def test_github(tmp_path: Path) -> None:
    github: dict[Any, Any] = yaml.safe_load(blocks(PAGE, "yaml")[0])
    steps = github["jobs"]["gate"]["steps"]
    cache = next(step for step in steps if str(step.get("uses", "")).startswith("actions/cache@"))
    assert {"~/.cache/rai-harness", "~/.cache/huggingface", "data"} <= set(cache["with"]["path"].split())
    upload = next(step for step in steps if str(step.get("uses", "")).startswith("actions/upload-artifact@"))
    assert "gate.xml" in upload["with"]["path"].split() and "cancelled" in upload["if"]
    assert any("--junit gate.xml" in step.get("run", "") for step in steps)


def test_gitlab() -> None:
    job = yaml.safe_load(blocks(PAGE, "yaml")[1])["gate"]
    assert job["artifacts"]["reports"]["junit"] == "gate.xml" and job["artifacts"]["when"] == "always"
    assert job["allow_failure"] == {"exit_codes": [4]} and ".cache" in job["cache"]["paths"]
    assert any("--junit gate.xml" in line for line in job["script"])
