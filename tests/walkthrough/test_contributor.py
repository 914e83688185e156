"""A contributor: what the README says about new tasks works as it is written there."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from documented import block, calls, page, section
from forked import command
from newcomers import Newcomer

README = section(page("README.md"), "Contribute a benchmark")


def run(cwd: Path, line: str, **env: str) -> subprocess.CompletedProcess[str]:
    words = line.split()
    assert words[0] == "harness"
    return command(*words[1:], "--store", cwd / "store", cwd=cwd, **env)


def test_a_new_task_takes_under_20_lines_and_runs(tmp_path: Path) -> None:
    code, entry = block(README, "python", "CLOUDS = multiple_choice"), block(README, "toml", "harness.tasks")
    assert len(code.splitlines()) < 20
    package = tmp_path / "source" / "my_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(code)
    (package / "clouds.jsonl").write_text('{"question": "Which is high?", "choices": ["cirrus", "fog"], "answer": 0}\n')
    named = tomllib.loads(entry)["project"]["entry-points"]["harness.tasks"]
    assert named == {"clouds": "my_package:CLOUDS"}
    (tmp_path / "source" / "pyproject.toml").write_text(
        f'[build-system]\nrequires = ["setuptools>=80"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "my-package"\nversion = "1"\n{entry}'
        '[tool.setuptools]\npackages = ["my_package"]\npackage-data = {my_package = ["*.jsonl"]}\n'
    )
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    site = str(tmp_path / "site")
    subprocess.run([*pip, "--target", site, str(tmp_path / "source")], check=True, capture_output=True, timeout=120)
    path = os.pathsep.join([site, os.environ.get("PYTHONPATH", "")])
    done = run(tmp_path, "harness run scripted:oracle --tasks weather/clouds", PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"weather/clouds .*acc +. +100 % ", done.stdout)


def test_the_section_as_it_is_written(newcomer: Newcomer) -> None:
    (newcomer.folder / "my_questions.jsonl").write_text(block(README, "jsonl", "question"))
    for line in calls(README):
        newcomer.types(line)
    newcomer.types(f"{sys.executable} -m pytest -q -p no:cacheprovider weather")


def test_a_file_of_questions_is_a_task(tmp_path: Path) -> None:
    (tmp_path / "my_questions.jsonl").write_text(block(README, "jsonl", "question"))
    said = next(line for line in README.splitlines() if line.endswith("--tasks my_questions.jsonl"))
    done = run(tmp_path, said)
    assert done.returncode == 0, done.stderr
    assert re.search(r"my_questions .*acc +. +100 \[34.24, 100\] % +. +0 \[", done.stdout)
