"""Many writers at once, killed writers, full disks, read-only stores and databases that go away."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import postgres
import pytest
from sqlalchemy import text
from stored import estimate, outcomes, run

from harness.answers.journal import progress
from harness.errors import StoreError, UsageError
from harness.store import open_store
from harness.store.database import reading, writing
from harness.store.queries import results
from harness.store.queries.results import ResultFilter

WRITER = Path(__file__).parents[1] / "helpers" / "writer.py"


def writer(place, name: str, count: int, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(WRITER), place.url, place.samples, name, str(count), *more]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)


def test_eight_processes_write_200_runs_at_once(place):
    """Into a database that does not exist yet: they also race to make it."""
    writers = [writer(place, f"w{i}", 25) for i in range(8)]
    said = [w.communicate(timeout=200)[0] for w in writers]
    assert [s.split() for s in said] == [["ready", "done"]] * 8
    store = place.open(create=False)
    expected = {f"w{i}-{k}" for i in range(8) for k in range(25)}
    assert Counter(r.id for r in store.runs(status="finished")) == Counter(expected)
    numbers = Counter(row[0] for row in results.table(store, ResultFilter()))
    assert numbers == Counter(dict.fromkeys(expected, 10))
    assert store.results("w3-7") == [estimate(f"metric{k}", 7 + k / 10) for k in range(10)]
    assert sum(len(names) for names in store.tags().values()) == 200
    assert len(store.baseline_history("main")) == 200
    assert len(list(store.outcomes("w7-24", "shared"))) == 3
    with reading(store.engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM models")).scalar() == 3
        assert connection.execute(text("SELECT count(*) FROM tasks")).scalar() == 3


def test_a_killed_writer_leaves_an_interrupted_run_that_can_be_resumed(place):
    dead = writer(place, "w", 1, "started")
    assert dead.stdout and [dead.stdout.readline() for _ in range(2)] == ["ready\n", "started\n"]
    store = place.open()
    assert store.run("w-0").status == "running"
    for write in (
        lambda: store.start(run("w-0")),
        lambda: store.fail("w-0", "failed", ""),
        lambda: store.finish(run("w-0"), {}, []),
    ):
        with pytest.raises(UsageError, match=f"run w-0 is being written by process {dead.pid}"):
            write()
    assert store.run("w-0").status == "running"
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    found = store.run("w-0")
    assert (found.status, found.message) == ("interrupted", store.runs()[0].message)
    assert f"process {dead.pid} on" in found.message
    assert [r.id for r in store.runs(status="interrupted")] == ["w-0"] and store.runs(status="running") == []
    store.start(run("w-0"))
    assert store.run("w-0").status == "running"
    store.finish(run("w-0"), {"toy/choice": outcomes()}, [estimate()])
    assert store.run("w-0").status == "finished"


def test_kills_at_any_moment_leave_whole_runs_only(place):
    """Writers that are killed one after the other, each a little later; the last one after a run of its own."""
    place.open().close()
    store = place.open(create=False)
    for i in range(5):
        victim = writer(place, f"k{i}", 500)
        assert victim.stdout and victim.stdout.readline() == "ready\n"
        time.sleep(0.4 + 0.17 * i)
        until = time.monotonic() + 60
        while i == 4 and not store.runs(status="finished") and time.monotonic() < until:
            time.sleep(0.1)
        victim.kill()
        victim.communicate()
    numbers = Counter(row[0] for row in results.table(store, ResultFilter()))
    by_status = Counter(r.status for r in store.runs())
    assert by_status["running"] == 0 and by_status["finished"] >= 1
    assert by_status["interrupted"] <= 5
    for made in store.runs():
        assert numbers[made.id] == (10 if made.status == "finished" else 0)
        if made.status == "finished":
            assert len(list(store.outcomes(made.id, "shared"))) == 3


def test_a_folder_that_cannot_be_written_keeps_the_run_unfinished(place):
    store = place.open()
    store.start(run())
    Path(place.samples).mkdir(parents=True, exist_ok=True)
    (Path(place.samples) / "run-1").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write .*run-1/toy/choice.parquet") as error:
        store.finish(run(), {"toy/choice": outcomes()}, [estimate()])
    assert "\n" not in str(error.value)
    assert (store.run("run-1").status, store.results("run-1")) == ("running", [])
    (Path(place.samples) / "run-1").unlink()
    store.finish(run(), {"toy/choice": outcomes()}, [estimate()])
    assert store.run("run-1").status == "finished"


def test_no_space_for_the_catalogue(tmp_path):
    store = open_store(str(tmp_path / "s"))
    store.start(run())
    with reading(store.engine) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    with store.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="catalogue.sqlite: database or disk is full"):
        store.finish(run(), {}, [estimate(f"metric{i}") for i in range(5000)])
    again = open_store(str(tmp_path / "s"))
    assert (again.run("run-1").status, again.results("run-1")) == ("running", [])


def test_no_space_for_samples(tmp_path):
    script = f"""
import resource, signal, sys
sys.path.insert(0, {str(WRITER.parent)!r})
from stored import run, estimate, outcomes
from harness.errors import StoreError
from harness.store import open_store
store = open_store({str(tmp_path / "s")!r})
store.start(run())
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    store.finish(run(), {{"toy/choice": outcomes(5000)}}, [estimate()])
except StoreError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "toy/choice.parquet: " in done.stdout and "cannot write" in done.stdout, done.stderr
    assert open_store(str(tmp_path / "s")).run("run-1").status == "interrupted"
    assert list(tmp_path.glob("s/samples/**/*.parquet*")) == []


@pytest.mark.parametrize("folder_writable", [False, True])
def test_a_read_only_store_is_read_and_not_written(folder_writable):
    """As a user who may not write: root may everything."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        folder.chmod(0o755)
        store = open_store(str(folder / "s"))
        store.finish(run(), {"toy/choice": outcomes()}, [estimate()])
        store.close()
        shutil.copytree(folder / "s", folder / "copy")
        for path in [folder / "s", *(folder / "s").rglob("*")]:
            path.chmod((0o777 if folder_writable else 0o555) if path.is_dir() else 0o444)
        script = f"""
import json, os, sys
sys.path.insert(0, {str(WRITER.parent)!r})
from stored import run
from harness.errors import StoreError
from harness.store import open_store

def visit(place):
    store = open_store(place)
    rows = store.samples("run-1", "toy/choice", "correct")
    said = [store.run("run-1").status, len(store.results("run-1")), len(rows)]
    for write in (lambda: store.start(run("other")), lambda: store.tag("run-1", "x"), lambda: store.journals):
        try:
            write()
        except StoreError as error:
            said.append(str(error))
    return said

assert len(visit({str(folder / "copy")!r})) == 3  # everything is imported now: that user may not read our modules
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
print(json.dumps(visit({str(folder / "s")!r})))
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert said[:3] == ["finished", 1, 2]
        assert "readonly database" in said[3] and "readonly database" in said[4]
        assert folder_writable or "Permission denied" in said[5]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_two_writers_of_one_run_leave_one(place):
    store, other = place.open(), place.open()
    store.start(run())
    store.finish(run(), {"toy/choice": outcomes()}, [estimate()])
    with pytest.raises(UsageError, match="already finished"):
        other.finish(run(), {"toy/choice": outcomes(1)}, [estimate(), estimate("f1")])
    assert len(other.results("run-1")) == 1 and list(other.outcomes("run-1", "toy/choice")) == outcomes()


def test_a_database_that_goes_away_and_comes_back(tmp_path):
    programs = postgres.programs()
    if programs is None:
        pytest.skip("no PostgreSQL programs (initdb, postgres): apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with postgres.running(programs, folder) as server:
            store = open_store(server.schema("gone"), samples=str(tmp_path / "samples"))
            store.start(run())
            lost = pytest.raises(StoreError, match="store postgresql.psycopg://127.0.0.1")
            with lost as error, writing(store.engine) as connection:
                server.stop()
                connection.execute(text("SELECT 1"))
            assert "\n" not in str(error.value)
            with pytest.raises(StoreError):
                store.finish(run(), {"toy/choice": outcomes()}, [estimate()])
            server.start()
            assert (store.run("run-1").status, store.results("run-1")) == ("running", [])
            store.finish(run(), {"toy/choice": outcomes()}, [estimate()])
            assert store.run("run-1").status == "finished"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_database_that_goes_away_while_a_run_is_at_it(tmp_path, postgres_server):
    """The run ends with 3 in one line, its journal has every answer, and --resume finishes it without asking again."""
    url = postgres_server.schema("gone_mid_run")
    env = {k: v for k, v in os.environ.items() if not k.startswith("HARNESS_")}
    command = [str(Path(sys.executable).with_name("harness")), "run", "scripted:slow-1000", "--tasks", "demo/sentiment"]

    def start(*more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, "--quiet", "--store", url, *more], cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True
        )

    lost = start()
    journals = tmp_path / "harness-results" / "journals"
    while lost.poll() is None and not any(progress(path)[0] for path in journals.glob("*.journal")):
        time.sleep(0.01)
    postgres_server.stop()
    try:
        said = lost.communicate(timeout=60)[1]
    finally:
        postgres_server.start()
    assert lost.returncode == 3, said
    kept, ended = said.splitlines()
    assert "answers kept" in kept and ended.startswith("harness: store postgresql")
    [journal] = journals.glob("*.journal")
    assert progress(journal) == (40, 40)
    again = start("--resume")
    assert again.communicate(timeout=60)[1] == "" and again.returncode == 0
    assert not journal.exists()
    whole = start()
    assert whole.wait(60) == 0
    store = open_store(url, create=False)
    first, second = store.runs()
    assert (first.status, second.status) == ("finished", "finished") and second.id in journal.name
    assert store.results(first.id) == store.results(second.id)
    both = [list(store.outcomes(r.id, "demo/sentiment")) for r in (first, second)]
    assert both[0] == both[1] and len(both[0]) == 40
