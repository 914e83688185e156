"""A researcher who knows lm-evaluation-harness: the README's section on it, and its table of flags."""

import json
import re

from documented import calls, page, section
from newcomers import Newcomer

from harness.cli.run import command

README = section(page("README.md"), "From lm-evaluation-harness")


def test_the_section_as_it_is_written(newcomer: Newcomer) -> None:
    prompt, first, shown, samples, second, table = (newcomer.types(line) for line in calls(README))
    assert prompt.count(" = ?") >= 3
    result = json.loads((newcomer.folder / "results.json").read_text())
    assert {row["task"] for row in result["results"]} == {"questions", "demo/sentiment"}
    assert all(row["n"] == 20 for row in result["results"] if row["slice"] == "all" and row["metric"] == "acc")
    assert "asked 40 of 840 examples, the first ones" in " ".join(first.split())
    assert "questions" in shown and " = ?" in samples and "ft-v2" in second
    assert r"\begin{tabular}" in table and "ft-v1" in table and "ft-v2" in table


def test_every_flag_of_the_right_column_is_an_option_of_run() -> None:
    options = {name for parameter in command.params for name in parameter.opts}
    rows = re.findall(r"^\| `(.*?)\|(.*?) \|$", README, re.MULTILINE)
    flags = {flag for _, right in rows for flag in re.findall(r"(?<![\w-])--?[a-z][\w-]*", right)}
    assert len(rows) >= 14 and len(flags) >= 12
    assert flags <= options
