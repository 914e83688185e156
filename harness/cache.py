"""Answers of earlier runs, keyed by everything that can change them."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from harness.errors import RunError
from harness.records import canonical, request_key, response_from_json, response_to_json
from harness.types import Failed, Request, Response


class Cache:
    """A SQLite file of responses; safe for several processes. A failure is never kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as db, db:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, response TEXT NOT NULL)")
        except (OSError, sqlite3.Error) as error:
            raise RunError(f"{path}: cannot open the answer cache ({error}); --no-cache goes without") from error

    def get_many(self, fingerprint: Mapping[str, str], requests: Sequence[Request]) -> dict[int, Response]:
        """Position -> response of the requests that this very model has answered before."""
        owner = _owner(fingerprint)
        found = {}
        try:
            with closing(self._connect()) as db:
                for i, request in enumerate(requests):
                    row = db.execute("SELECT response FROM answers WHERE key = ?", (_key(owner, request),)).fetchone()
                    if row:
                        found[i] = response_from_json(json.loads(row[0]))
        except sqlite3.Error as error:
            raise RunError(f"{self.path}: cannot read the answer cache ({error}); --no-cache goes without") from error
        return found

    def put_many(self, fingerprint: Mapping[str, str], pairs: Iterable[tuple[Request, Response]]) -> None:
        """Keep responses; the first answer to a request stays."""
        owner = _owner(fingerprint)
        rows = [(_key(owner, q), canonical(response_to_json(r))) for q, r in pairs if not isinstance(r, Failed)]
        try:
            with closing(self._connect()) as db, db:
                db.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            raise RunError(f"{self.path}: cannot write the answer cache ({error}); --no-cache goes without") from error

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=60)


def _owner(fingerprint: Mapping[str, str]) -> str:
    return canonical(dict(fingerprint))


def _key(owner: str, request: Request) -> str:
    return hashlib.sha256(f"{owner}\0{request_key(request)}".encode()).hexdigest()
