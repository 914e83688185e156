"""The golden file is updated and never emptied, and whoever breaks it is told the command that mends it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import golden
import pytest

SCRIPT = Path(__file__).with_name("test_tasks.py")


def script(file: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The script on a copy of the file, where no dataset is at hand but those that come with the package."""
    empty = file.parent / "empty"
    empty.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--file", str(file), *words],
        env=os.environ | {"HARNESS_DATA": str(empty), "HF_HUB_CACHE": str(empty)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "golden.json"
    place.write_bytes(golden.FILE.read_bytes())
    return place


def test_without_data_nothing_is_lost(file: Path) -> None:
    before = file.read_bytes()
    done = script(file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "without data here (HARNESS_DATA) stay as they are" in done.stdout
    assert file.read_bytes() == before


def test_a_missing_entry_is_added_and_the_others_stay(file: Path) -> None:
    whole = json.loads(file.read_text())
    file.write_text(json.dumps({name: entry for name, entry in whole.items() if name != "demo/qa"}))
    done = script(file, "demo/qa")
    assert done.returncode == 0 and done.stdout.startswith("demo/qa: new -> v")
    assert json.loads(file.read_text()) == whole


def test_a_change_under_the_same_version_needs_a_word(file: Path) -> None:
    whole = json.loads(file.read_text())
    version = whole["demo/qa"].split()[0]
    file.write_text(json.dumps(whole | {"demo/qa": f"{version} 0123456789abcdef"}))
    done = script(file)
    assert done.returncode == 1 and f"demo/qa: other requests, and still {version}: raise its version" in done.stdout
    assert script(file, "--same-version").returncode == 0
    assert json.loads(file.read_text()) == whole
    file.write_text(json.dumps(whole | {"demo/qa": "v0 0123456789abcdef"}))
    assert script(file).returncode == 0
    assert json.loads(file.read_text()) == whole


def test_an_unknown_task_is_told(file: Path) -> None:
    done = script(file, "demo/nothing")
    assert done.returncode == 1 and "no task that is checked: demo/nothing" in done.stdout


def test_who_fails_is_told_the_command(file: Path) -> None:
    entry = json.loads(file.read_text())["demo/qa"]
    golden.require("demo/qa", entry, file)
    with pytest.raises(AssertionError, match=r"raise its version and run: python tests/tasks/test_tasks.py demo/qa"):
        golden.require("demo/qa", "v1 other", file)
    with pytest.raises(AssertionError, match=r"mine is not in golden.json; .*: python tests/tasks/test_tasks.py mine"):
        golden.require("mine", entry, file)
