"""An engineer with a fine-tuned model and a build: "Gate a model in CI" of the README, typed as it is written."""

import re
import sys
from pathlib import Path

import pytest
import yaml
from documented import blocks, calls, page, section
from newcomers import Newcomer

from harness.store import open_store

README = section(page("README.md"), "Gate a model in CI")


@pytest.fixture(scope="module")
def said(newcomer: Newcomer) -> dict[str, str]:
    """What each line printed, by its line; the second model may be better, worse or neither."""
    [rules] = blocks(README, "toml")
    (newcomer.folder / "gate.toml").write_text(rules)
    lines = calls(README)
    assert [line.split()[1] for line in lines] == ["run", "run", "baseline", "gate", "run", "compare", "gate"]
    return {line: newcomer.types(line, (0, 1, 4) if "--junit" in line else (0,)) for line in lines}


def test_the_margin_is_one_that_the_questions_can_settle(said: dict[str, str]) -> None:
    [dry] = (text for line, text in said.items() if line.startswith("harness gate") and "--dry-run" in line)
    assert "questions:acc max_drop 5 points with 800 questions" in dry
    assert "to hold where nothing is truly lost, these are enough" in dry


def test_the_verdicts_and_the_comparison_end_and_begin_with_a_sentence(
    newcomer: Newcomer, said: dict[str, str]
) -> None:
    [compared] = (text for line, text in said.items() if line.startswith("harness compare"))
    assert compared.startswith("ft-v2 against ft-v1: ") or compared.startswith("ft-v2 is ")
    [gated] = (text for line, text in said.items() if "--junit" in line)
    assert re.search(r"^GATE (PASSED|FAILED|INCONCLUSIVE): ", gated, re.MULTILINE)
    assert {"gate.xml", "gate.json", "run.json"} <= {path.name for path in newcomer.folder.iterdir()}
    same = newcomer.types("harness gate gate.toml ft-v1 --baseline main")
    assert same.rstrip().splitlines()[-1] == "GATE PASSED: 2 rules hold"


def test_the_models_have_the_names_that_they_were_given(newcomer: Newcomer, said: dict[str, str]) -> None:
    store = open_store(str(Path(newcomer.folder) / "harness-results"))
    assert [run.model for run in store.runs()] == ["ft-v2", "ft-v1"]


def test_the_script_of_gitlab_twice(newcomer: Newcomer, said: dict[str, str]) -> None:
    """A build that is run again finds the baseline in its store already."""
    job = yaml.safe_load(blocks(page("docs/ci.md"), "yaml")[1])["gate"]
    script = "\n".join(job["script"])
    for there, here in (("hf:org/name@main", "models/ft-v2"), ("arc_easy,glue/sst2", "questions.jsonl")):
        assert there in script
        script = script.replace(there, here)
    newcomer.types("harness runs tag ft-v1 main\nharness runs export ft-v1 baseline.zip")
    for _ in range(2):
        newcomer.types(f'python() {{ {sys.executable} "$@"; }}\nset -e\n{script}', (0, 1, 4), HARNESS_STORE="ci")
    assert "# " in (newcomer.folder / "gate.md").read_text()
