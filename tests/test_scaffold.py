"""A new task: what is written runs at once, its own test passes, and fails where the task is broken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from forked import command

from harness.errors import UsageError
from harness.scaffold import new_task


def run(cwd: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=cwd, env=os.environ | env, capture_output=True, text=True, check=False
    )


def passes(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(folder), **env)


def test_a_file_and_its_test(tmp_path: Path) -> None:
    done = command("new-task", "capitals", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "capitals/capitals.toml",
        "capitals/capitals.csv",
        "capitals/test_capitals.py",
        "next: harness run scripted:oracle --tasks capitals/capitals.toml; pytest capitals",
    ]
    asked = command("run", "scripted:oracle", "--tasks", "capitals/capitals.toml", "--store", "s", cwd=tmp_path)
    assert asked.returncode == 0, asked.stderr
    passed = passes(tmp_path / "capitals")
    assert passed.returncode == 0 and "2 passed" in passed.stdout, passed.stdout
    data = tmp_path / "capitals/capitals.csv"
    data.write_text(data.read_text().replace(",Mars,", ",Saturn,"))
    assert "1 failed" in passes(tmp_path / "capitals").stdout  # two choices are right, so none can be wrong


def test_a_package_that_every_command_knows(tmp_path: Path) -> None:
    paths = new_task("river_names", tmp_path / "plugin", package=True)
    assert [str(path.relative_to(tmp_path / "plugin")) for path in paths] == [
        "harness_river_names/__init__.py",
        "harness_river_names/river_names.csv",
        "tests/test_river_names.py",
        "pyproject.toml",
    ]
    site = tmp_path / "site"
    pip = ["pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(site), str(tmp_path / "plugin")]
    assert run(tmp_path, *pip).returncode == 0
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    listed = command("run", "scripted:oracle", "--tasks", "river_names", "--store", "s", cwd=tmp_path, PYTHONPATH=path)
    assert listed.returncode == 0, listed.stderr
    passed = passes(tmp_path / "plugin", PYTHONPATH=path)
    assert passed.returncode == 0 and "2 passed" in passed.stdout, passed.stdout


@pytest.mark.parametrize("name", ["Capitals", "my-task", "../x", "1st", "", "class", "a" * 61, "x\ny", "é"])
def test_names_that_no_module_can_have(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a task cannot be called"):
        new_task(name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is there already"):
        new_task("x", tmp_path)
    assert list(tmp_path.iterdir()) == []
