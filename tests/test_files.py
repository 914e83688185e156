"""Files that a user asked for: whole or not at all; terminals and folders that are not what they should be."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from forked import command

from harness.errors import RunError
from harness.files import write_json, write_text

HARNESS = str(Path(sys.executable).with_name("harness"))
RUN = ["run", "scripted:oracle", "--tasks", "demo/sentiment", "--limit", "4"]


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    place = tmp_path / "new" / "out.json"
    write_json(place, {"a": "ü\udc80"})
    assert json.loads(place.read_text()) == {"a": "ü\udc80"}
    link = tmp_path / "link.json"
    link.symlink_to(place)
    write_text(link, "other")
    assert link.is_symlink() and place.read_text() == "other"
    assert [p.name for p in tmp_path.rglob("*.part")] == []


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    place = tmp_path / "out.json"
    place.write_text("old")
    script = (
        "import resource, signal, sys; from pathlib import Path; from harness.files import write_text;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10));"
        "write_text(Path(sys.argv[1]), 'x' * 1000)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(place)], capture_output=True, text=True, check=False)
    assert "RunError: cannot write" in done.stderr
    assert place.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["out.json"]
    with pytest.raises(RunError, match="cannot write .*: Is a directory"):
        write_text(tmp_path, "x")


def test_a_terminal_of_seven_bits_and_a_device_get_everything(tmp_path: Path) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    words = [HARNESS, *RUN, "--store", "s", "--json", "out.json"]
    env = {k: v for k, v in os.environ.items() if not k.startswith("HARNESS_")} | ascii_only
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "out.json").read_text())["status"] == "finished"
    run = json.loads((tmp_path / "out.json").read_text())["run"]
    done = command("show", run, "--store", "s", "--json", "/dev/stdout", cwd=tmp_path)
    assert done.returncode == 0 and '"status": "finished"' in done.stdout


def test_a_working_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    script = f"import os; os.rmdir(os.getcwd()); os.execv({HARNESS!r}, [{HARNESS!r}, 'list', 'tasks'])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path / "gone", capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert done.stderr == "harness: the working directory no longer exists: change to another one\n"


@pytest.mark.parametrize("where", ["import", "call"])
def test_a_metric_that_ends_the_program_is_no_success(where: str, tmp_path: Path) -> None:
    code = {"import": "import sys\nsys.exit(0)\n", "call": "import sys\ndef f(a, b): sys.exit(0)\n"}[where]
    (tmp_path / "m.py").write_text(code + "def g(a, b): return 1.0\n")
    (tmp_path / "q.jsonl").write_text('{"question": "q", "answer": "a"}\n' * 3)
    (tmp_path / "t.toml").write_text("data = 'q.jsonl'\nmetrics = ['python:m.py:f']\n")
    done = command("run", "scripted:oracle", "--tasks", "t.toml", "--store", "s", cwd=tmp_path)
    assert done.returncode == 2 and "python:m.py:f" in done.stderr and "SystemExit: 0" in done.stderr
    kept = ["harness: 3 of 3 answers kept; repeat the command with --resume (in Python: resume=True)"]
    assert done.stderr.splitlines()[:-1] == (kept if where == "call" else [])


def test_a_store_that_is_removed_under_the_run_is_no_success(tmp_path: Path) -> None:
    """While the model answers, the whole folder goes; or it is replaced by another one."""
    for replaced in (False, True):
        (tmp_path / "m.py").write_text(
            "import shutil\ndone = []\n"
            "def f(a, b):\n    if not done:\n        done.append(1)\n        shutil.rmtree('s', ignore_errors=True)\n"
            + ("        from harness.store import open_store\n        open_store('s').close()\n" if replaced else "")
            + "    return 1.0\n"
        )
        (tmp_path / "q.jsonl").write_text('{"question": "q", "answer": "a"}\n' * 3)
        (tmp_path / "t.toml").write_text("data = 'q.jsonl'\nmetrics = [{use = 'python:m.py:f', level = 'example'}]\n")
        done = command("run", "scripted:oracle", "--tasks", "t.toml", "--store", "s", cwd=tmp_path)
        assert done.returncode == 3 and "was removed or replaced while it was in use" in done.stderr, done.stderr


def test_samples_in_memory_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    done = command(*RUN, "--store", "s", "--samples-at", "memory://x", cwd=tmp_path)
    assert done.returncode == 2 and "would be lost at once" in done.stderr
    done = command(*RUN, "--store", "t", "--samples-at", "simplecache::memory://x", cwd=tmp_path)
    assert done.returncode == 2 and "would be lost at once" in done.stderr
