"""What meets those who join: targets, build, hooks and templates agree with the project."""

import ast
import importlib
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_make_help_lists_every_target() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    listed = re.findall(r"^make (\w+) +\S", done.stdout, re.MULTILINE)
    assert sorted(listed) == sorted(phony.split())


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_commands_of_the_readme_are_targets(target: str) -> None:
    assert f"make {target}" in read("README.md")
    dry = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "harness run tasks/demo.toml" in dry.stdout if target == "demo" else "pytest" in dry.stdout


def test_the_build_runs_make_test_on_every_python_and_measures_coverage() -> None:
    jobs = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"][0] == PROJECT["project"]["requires-python"].removeprefix(">=")
    assert {name: job["steps"][-1]["run"] for name, job in jobs.items()} == {
        "test": "make test PYTHON=python",
        "coverage": "make coverage PYTHON=python",
    }
    used = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert used and all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used)


def test_hooks_have_the_version_of_ruff_that_the_build_has() -> None:
    (pinned,) = re.findall(r"^ruff==(\S+)$", read("constraints.txt"), re.MULTILINE)
    revisions = {
        hook["repo"].split("/")[-1]: hook["rev"] for hook in yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    }
    assert revisions["ruff-pre-commit"] == f"v{pinned}"


@pytest.mark.parametrize("name", ["fault", "wrong-number"])
def test_reports_of_faults_ask_for_what_helps(name: str) -> None:
    form = yaml.safe_load(read(f".github/ISSUE_TEMPLATE/{name}.yml"))
    labels = " ".join(part["attributes"].get("label", "") for part in form["body"])
    assert "harness doctor" in labels and "harness show" in labels and "--json" in labels


def test_the_citation_names_this_version() -> None:
    cited = yaml.safe_load(read("CITATION.cff"))
    assert (cited["version"], cited["license"]) == (PROJECT["project"]["version"], PROJECT["project"]["license"])


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "benchmarks").glob("*.py")))
def test_what_a_benchmark_imports_of_ours_is_there(script: str) -> None:
    """Benchmarks are run by hand, so a name that moved would be missed for long."""
    for node in ast.walk(ast.parse(read(f"benchmarks/{script}"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0].startswith("harness"):
            module = importlib.import_module(node.module)
            for name in (alias.name for alias in node.names if not hasattr(module, alias.name)):
                importlib.import_module(f"{node.module}.{name}")
