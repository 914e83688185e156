"""What a user's editor knows: every public name with its type, although importing the package loads nothing heavy."""

import ast
import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import harness
from harness.api import Listener, Overrides, Where
from harness.engine.backend import Options
from harness.types import Settings

ROOT = Path(__file__).parents[1]

RIGHT = """
import harness

result = harness.evaluate("smollm2", ["demo/qa"], limit=20, shots_mode="fixed", data="mirror", store=None)
run: str = result.run.id
value: float | None = result.estimates[0].value
tuned = harness.finetune("encoder", "glue", protocol=harness.Protocol(head_only=True), seed=1)
rates: list[float] = [training.learning_rate for training in tuned.run.training]
more: harness.Result = harness.ask_more(result.run, ["demo/qa"], 40, where=harness.Where(store="results"))
changes = harness.compare(run, more.run.id, slices=True)
low: list[float | None] = [row.paired.low for row in changes.differences]
card = harness.Card(measures="Tides.", limits="Six rows.", source="here", licence="CC0-1.0")
options = harness.Options(dtype="bfloat16", device="cpu")
frame = harness.load().results(task="demo/qa")
task = harness.multiple_choice(
    "tides/kinds", data=harness.Data(harness.hub("org/name")), prompt="{question}", choices="choices", target="answer",
    about=harness.About(version=1, card=card),
)
listener = harness.Listener(notice=print)


def tags(task: harness.Task) -> frozenset[str]:
    return task.tags
"""
WRONG = """
import harness

harness.evaluate("smollm2", ["demo/qa"], limits=20)
harness.evaluate("smollm2", ["demo/qa"], limit=2.5)
harness.evaluate("smollm2", ["demo/qa"], shots_mode="often")
harness.Settings(sead=1)
harness.evalute("smollm2", ["demo/qa"])
harness.Card(measures="Tides.")
harness.multiple_choice(5)
number: int = harness.evaluate("smollm2", "demo/qa").run.id
harness.Options(dtype="float8")
harness.compare("a", "b", slice=True)
harness.finetune("encoder", "glue", protocol="finetune")
"""


def test_a_type_checker_accepts_right_uses_and_reports_each_wrong_one(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(WRONG)
    words = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), "--no-pretty"]
    done = subprocess.run(
        [*words, str(tmp_path / "right.py"), str(tmp_path / "wrong.py")], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    reported = {tuple(line.split(":")[:2]) for line in done.stdout.splitlines() if ": error:" in line}
    calls = [number for number, line in enumerate(WRONG.splitlines(), 1) if "harness." in line]
    wrong = {Path(file).name: set[int]() for file, _ in reported}
    for file, number in reported:
        wrong[Path(file).name].add(int(number))
    assert wrong == {"wrong.py": set(calls)}, done.stdout + done.stderr


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = "import sys, json, harness, harness.cli.main; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert "harness" in loaded and not loaded & {"torch", "numpy", "pandas", "transformers", "sqlalchemy", "rich"}


def test_every_public_name_is_there_for_people_and_type_checkers_alike() -> None:
    body = ast.parse((ROOT / "harness" / "__init__.py").read_text()).body
    [typed] = [node for node in body if isinstance(node, ast.If) and isinstance(node.test, ast.Name)]
    imported = {
        alias.name: node.module for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert dir(harness) == sorted([*imported, "__version__"]) == sorted([*harness._HOMES, "__version__"])
    for name, module in imported.items():
        assert getattr(harness, name) is getattr(sys.modules[str(module)], name)


def test_every_field_can_be_overridden_with_its_own_type() -> None:
    overrides, wider = get_type_hints(Overrides), {"data": str | Path | None}
    own = {
        f.name: get_type_hints(record)[f.name]
        for record in (Settings, Options, Where, Listener)
        for f in fields(record)
    }
    assert overrides == own | wider
