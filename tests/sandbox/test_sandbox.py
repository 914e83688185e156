"""Programs that mean harm: each is contained, has its verdict, and leaves the machine as it was."""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.errors import Unsupported
from harness.sandbox import Confined, flaw_of, open_sandbox
from harness.types import Failed, Ran

HARM = {
    "fork bomb": ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "time-out"),
    "10 GB": ("x = [0] * (10 * 2**30 // 8)", "failed"),
    "endless print": ("while True: print('x' * 1000)", "time-out"),
    "socket": ("import socket\nsocket.create_connection(('127.0.0.1', 22), timeout=1)", "failed"),
    "the parent's variables": ("import os\nopen(f'/proc/{os.getppid()}/environ').read()", "failed"),
    "/etc/passwd": ("open('/etc/passwd').read()", "failed"),
    "writing to the system": ("open('/usr/harness-was-here', 'w')", "failed"),
    "writing elsewhere": ("open('/tmp/harness-was-here', 'w')", "failed"),
    "filling the disk": ("for i in range(10**6): open(f'f{i}', 'w').write('x' * 900_000)", "failed"),
    "killing the parent": ("import os\nos.kill(os.getppid(), 9)\nraise SystemExit", "failed"),
    "killing everybody": ("import os\nos.kill(-1, 9)\nraise SystemExit", "failed"),
    "exit before the assertion": ("import os\nos._exit(0)\nassert False", "failed"),
    "sys.exit": ("import sys\nsys.exit(0)\nassert False", "failed"),
    "patching assert": (
        "import builtins, sys\nbuiltins.AssertionError = type('A', (Exception,), {})\n"
        "sys.exit = sys.excepthook = lambda *a: None\nassert 1 == 2",
        "failed",
    ),
    "claiming success": (
        "import os\nfor f in range(3, 64):\n    try: os.write(f, b'passed\\n')\n    except OSError: pass\nos._exit(0)",
        "failed",
    ),
    "ten minutes of sleep": ("import time\ntime.sleep(600)", "time-out"),
    "outliving its parent": ("import ctypes, time\nctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\ntime.sleep(60)", "time-out"),
    "computing for ever": ("while True: pass", "time-out"),
    "symbolic links": ("import os\nos.symlink('/usr', 'u')\nopen('u/harness-was-here', 'w')", "failed"),
    "becoming root": ("import os\nos.setuid(0)", "failed"),
    "a crash": ("import ctypes\nctypes.string_at(0)", "failed"),
    "no text": ("raise ValueError('\\ud800')", "failed"),
    "no program": ("def (", "failed"),
}


@pytest.fixture(scope="module")
def sandbox() -> Confined:
    """The sandbox of this machine with a short patience."""
    try:
        own = open_sandbox()
    except Unsupported as error:
        pytest.skip(str(error))
    assert isinstance(own, Confined)
    return Confined(own.way, own.command, seconds=1, clock=5)


def processes() -> set[str]:
    """The processes that run what runs inside of a sandbox."""
    lines = {}
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines[place.parent.name] = place.read_bytes()
        except OSError:
            continue
    return {number for number, line in lines.items() if b"What runs inside of a sandbox" in line}


def changes(before: tuple[str, set[str], set[str], bool, str]) -> list[object]:
    """What is otherwise than before; sandboxes that other tests had open may have gone."""
    mounts, scratch, running, there, passwd = surroundings()
    others = [new for new, old in ((mounts, before[0]), (there, before[3]), (passwd, before[4])) if new != old]
    return others + [new - old for new, old in ((scratch, before[1]), (running, before[2])) if new - old]


def surroundings() -> tuple[str, set[str], set[str], bool, str]:
    """What a program could have changed: mounts, scratch folders, processes, files."""
    scratch = set(map(str, Path(tempfile.gettempdir()).glob("harness-sandbox-*")))
    there = any(Path(folder, "harness-was-here").exists() for folder in ("/usr", "/tmp"))
    return Path("/proc/self/mountinfo").read_text(), scratch, processes(), there, Path("/etc/passwd").read_text()


def test_harm_is_contained_and_judged(sandbox: Confined) -> None:
    before = surroundings()
    verdicts = {name: sandbox.run(program) for name, (program, _) in HARM.items()}
    assert {name: ran.verdict for name, ran in verdicts.items() if isinstance(ran, Ran)} == {
        name: verdict for name, (_, verdict) in HARM.items()
    }
    end = time.monotonic() + 60
    while changes(before) and time.monotonic() < end:  # the kernel ends the last ones a moment later
        time.sleep(0.05)
    assert changes(before) == []


def test_a_program_ends_with_a_harness_that_is_killed(sandbox: Confined, tmp_path: Path) -> None:
    before = processes()
    script = (
        "from harness.sandbox import open_sandbox\nown = open_sandbox()\nprint('open', flush=True)\n"
        "own.run('import time\\ntime.sleep(600)')"
    )
    own = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=own) as harness:
        assert harness.stdout and harness.stdout.readline() == b"open\n"
        end = time.monotonic() + 60
        while not (running := processes() - before) and time.monotonic() < end:
            time.sleep(0.05)
        harness.kill()
    assert running
    end = time.monotonic() + 60
    while processes() & running and time.monotonic() < end:
        time.sleep(0.05)
    assert not processes() & running


def test_programs_beside_each_other_have_processes_of_their_own(sandbox: Confined) -> None:
    """Each may have eight, however many others run."""
    threads = "import threading, time\nfor _ in range(4):\n    threading.Thread(target=time.sleep, args=(1,)).start()"
    patient = Confined(sandbox.way, sandbox.command)
    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(patient.run, [f"{threads}\ntime.sleep(1)"] * 4)] == [Ran("passed")] * 4


def test_a_program_passes_by_reaching_its_end(sandbox: Confined) -> None:
    assert sandbox.run("open('mine', 'w').write('x')\nimport json, math, re, collections, heapq") == Ran("passed")
    assert sandbox.run("assert 1 == 2, 'no'") == Ran("failed", "AssertionError: no")
    assert sandbox.run("import os\nassert os.listdir() == [] and 'HOME' not in os.environ") == Ran("passed")
    assert sandbox.run("print(hash('a'))\ninput()") == Ran("failed", "EOFError: EOF when reading a line")


def test_what_does_not_stand_is_no_verdict() -> None:
    for command in (["/bin/false"], ["/no/such/program"]):
        ran = Confined("broken", lambda scratch, own=command: own).run("x = 1")  # type: ignore[misc]
        assert isinstance(ran, Failed) and ran.kind == "sandbox" and "broken" in ran.message


def test_a_way_that_confines_nothing_is_found_out() -> None:
    assert flaw_of(Confined("open", lambda scratch: []))


def test_where_no_way_holds_nothing_is_run() -> None:
    ways = (("one", lambda: "one 1.0", lambda scratch: []), ("bubblewrap", lambda: None, lambda scratch: []))
    with pytest.raises(Unsupported, match=r"no sandbox holds here.*one: .+; bubblewrap: not installed"):
        open_sandbox(ways)
