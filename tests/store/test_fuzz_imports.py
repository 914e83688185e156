"""A thousand seeded mutations of run files, journals, caches and catalogues: one line in words, never a crash."""

import io
import json
import random
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from altering import altered

from harness.answers.journal import Journal, header, progress
from harness.api import evaluate, import_run
from harness.errors import HarnessError
from harness.store import open_store
from harness.store.cache import AnswerCache
from harness.store.queries import efficiency, gates, leaderboard, probes, runs, tasks, trends
from harness.store.transfer import export
from harness.types import Generate, Generated, Response


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("fuzz")
    made = evaluate("scripted:fail-every-3", "demo/sentiment", limit=4, store=str(folder / "s"))
    export(open_store(str(folder / "s")), made.run.id, folder / "run.zip")
    with zipfile.ZipFile(folder / "run.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def flipped(content: bytes, rng: random.Random) -> bytes:
    """Bytes with some changed, or cut, or doubled."""
    made = bytearray(content)
    for _ in range(rng.choice([1, 1, 3, 20])):
        made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
    kind = rng.randrange(6)
    return bytes(made[: rng.randrange(len(made))] if kind == 0 else made * 2 if kind == 1 else made)


def only_words(do: Callable[[], object]) -> bool:
    """Whether it went well; what does not ends in one of our own errors, in one line."""
    try:
        do()
    except HarnessError as error:
        assert "\n" not in str(error) and len(str(error)) < 2000
        return False
    return True


def test_run_files(exported: dict[str, bytes], tmp_path: Path) -> None:
    """What is refused leaves nothing; what is taken shows the numbers of the honest file or fewer."""
    rng = random.Random(1)
    store, bad = open_store(str(tmp_path / "s")), tmp_path / "bad.zip"
    honest = json.loads(exported["run.json"])
    true = {(e["task"], e["metric"], e["slice"]): e["value"] for e in honest["results"]}
    outside = {p.name for p in tmp_path.iterdir()} | {"bad.zip"}
    for turn in range(240):
        parts = dict(exported)
        if turn % 4:
            parts["run.json"] = json.dumps(altered(honest, rng)).encode()
        else:
            name = rng.choice(sorted(parts))
            parts[name] = flipped(parts[name], rng)
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        bad.write_bytes(flipped(whole.getvalue(), rng) if turn % 16 == 5 else whole.getvalue())
        if only_words(lambda: import_run(bad, store=str(tmp_path / "s"))):
            [run] = store.runs()
            found = {(e.task, e.metric, e.slice): e.value for e in store.results(run.id)}
            assert all(true[key] == value for key, value in found.items())
            store.rm(run.id)
        assert store.runs() == [] and not list((tmp_path / "s").rglob("*.parquet*"))
        assert {p.name for p in tmp_path.iterdir()} == outside


HEAD = {"identity": "x", "total": 9}
ANSWERS: list[tuple[int, Response]] = [(i, Generated(f"answer {i}", i, "end")) for i in range(9)]


def test_journals(tmp_path: Path) -> None:
    rng = random.Random(2)
    path = tmp_path / "run.journal"
    with Journal.open(path, HEAD) as journal:
        for answer in ANSWERS:
            journal.append([answer])
    content = path.read_bytes()
    for _ in range(300):
        path.write_bytes(flipped(content, rng))
        with Journal.open(path, HEAD) as journal:
            assert dict(ANSWERS).items() >= journal.responses.items()
            journal.append(ANSWERS)
        assert header(path) == HEAD and progress(path) == (9, 9)


def test_caches(tmp_path: Path) -> None:
    """A damaged page is told; a damaged answer is never given."""
    rng = random.Random(3)
    model, asked = {"weights": "aa"}, [Generate(f"q{i}", 4) for i in range(30)]
    path = tmp_path / "cache.sqlite"
    AnswerCache(path).put_many(model, [(q, Generated(q.prompt * 20, i, "end")) for i, q in enumerate(asked)])
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    content = path.read_bytes()
    for _ in range(260):
        path.write_bytes(flipped(content, rng))
        for left in tmp_path.glob("cache.sqlite-*"):
            left.unlink()

        def look() -> None:
            for i, answer in AnswerCache(path).get_many(model, asked).items():
                assert answer == Generated(asked[i].prompt * 20, i, "end")

        only_words(look)


def test_catalogues(exported: dict[str, bytes], tmp_path: Path) -> None:
    """Cells of other types and texts that are no JSON, in every column of every table."""
    rng = random.Random(4)
    made = evaluate("scripted:oracle", "demo/sentiment", limit=4, store=str(tmp_path / "s")).run
    open_store(str(tmp_path / "s")).close()
    with sqlite3.connect(tmp_path / "s" / "catalogue.sqlite") as whole:  # what is still in its log included
        whole.execute("VACUUM INTO ?", (str(tmp_path / "good"),))
    whole.close()
    for _ in range(250):
        shutil.rmtree(tmp_path / "t", ignore_errors=True)
        (tmp_path / "t").mkdir()
        shutil.copy(tmp_path / "good", tmp_path / "t" / "catalogue.sqlite")
        with closing(sqlite3.connect(tmp_path / "t" / "catalogue.sqlite")) as db:
            tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            table = rng.choice([t for t in tables if t not in ("alembic_version", "sqlite_sequence")])
            column = rng.choice([row[1] for row in db.execute(f"PRAGMA table_info({table})")])
            value = rng.choice([5, -1.5, "", "nonsense", "[]", "null", '{"a": [1]}', b"\xff\xfe", "x" * 5000, 2**62])
            try:
                db.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (value,))
            except sqlite3.Error:
                continue
            finally:
                db.commit()

        def visit() -> None:
            store = open_store(str(tmp_path / "t"), create=False)
            try:
                for run in store.runs():
                    store.results(run.id)
                    store.artifacts(run.id)
                store.run(made.id).ideals()
                leaderboard.standings(store)
                tasks.measured(store)
                probes.probes(store)
                trends.history(store, runs.models(store), [(made.tasks[0].name, "acc")], 9)
                efficiency.expenses(store, made.tasks[0].name, "acc", 9)
                gates.newest(store, [line.run for line in gates.history(store, 9)])
                store.verdicts()
                store.tags()
            finally:
                store.close()

        only_words(visit)
