"""A fresh store on each database, and records to put into it."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import postgres
import pytest

from harness.store import Store, open_store

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A running server; tests are skipped, saying so, where its programs are not installed."""
    programs = postgres.programs()
    if programs is None:
        pytest.skip("no PostgreSQL programs (initdb, postgres): apt-get install postgresql")
    # Not in pytest's own folder, which the server's user may not enter; short, for the path of a socket is limited.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with postgres.running(programs, folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Place:
    """Where a test keeps its store."""

    url: str
    samples: str
    backend: str

    def open(self, *, create: bool = True) -> Store:
        return open_store(self.url, samples=self.samples, create=create)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Place]:
    """Makes places for stores that do not exist yet, on both databases."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_STORE", raising=False)
    monkeypatch.delenv("HARNESS_SAMPLES", raising=False)

    def make() -> Place:
        number = next(_NUMBERS)
        folder = tmp_path / f"store{number}"
        if request.param == "sqlite":
            return Place(str(folder), str(folder / "samples"), "sqlite")
        server = request.getfixturevalue("postgres_server")
        return Place(server.schema(f"store{number}"), str(folder / "samples"), "postgresql")

    return make


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    return new_place()


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    opened = place.open()
    yield opened
    opened.close()
