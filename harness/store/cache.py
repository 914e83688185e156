"""Answers of earlier runs, keyed by everything that can change them."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from harness.answers.records import canonical, request_key, response_from_json, response_to_json, sealed, unsealed
from harness.errors import HarnessError, RunError
from harness.types import Choose, Chosen, Failed, Generate, Generated, Request, Response, Scored

UNREADABLE = (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError)
"""What SQLite raises over a damaged file: its words may be damaged too, and are then no UTF-8."""


class AnswerCache:
    """A SQLite file of responses; safe for several processes. A failure is never kept.

    Each has a checksum over itself and its key: one that was damaged is asked again and replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as db, db:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, response TEXT NOT NULL)")
        except (OSError, *UNREADABLE) as error:
            raise RunError(f"{path}: cannot open the answer cache ({error}); --no-cache goes without") from error

    def get_many(self, fingerprint: Mapping[str, str], requests: Sequence[Request]) -> dict[int, Response]:
        """Position -> response of the requests that this very model has answered before."""
        owner = _owner(fingerprint)
        responses: dict[int, Response] = {}
        try:
            with closing(self._connect()) as db:
                for i, request in enumerate(requests):
                    key = _key(owner, request)
                    row = db.execute("SELECT CAST(response AS BLOB) FROM answers WHERE key = ?", (key,)).fetchone()
                    response = _read(row[0], key, request) if row else None
                    if response is not None:
                        responses[i] = response
        except UNREADABLE as error:
            raise RunError(f"{self.path}: cannot read the answer cache ({error}); --no-cache goes without") from error
        return responses

    def put_many(self, fingerprint: Mapping[str, str], pairs: Iterable[tuple[Request, Response]]) -> None:
        """Keep responses; the first answer to a request stays, unless it was damaged."""
        owner = _owner(fingerprint)
        kept = [(_key(owner, q), q, r) for q, r in pairs if not isinstance(r, Failed)]
        rows = [(key, sealed({"key": key, "answer": response_to_json(r)}).decode("ascii")) for key, _, r in kept]
        try:
            with closing(self._connect()) as db, db:
                damaged = [(key,) for key, request, _ in kept if _is_damaged(db, key, request)]
                db.executemany("DELETE FROM answers WHERE key = ?", damaged)
                db.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", rows)
        except UNREADABLE as error:
            raise RunError(f"{self.path}: cannot write the answer cache ({error}); --no-cache goes without") from error

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=60)


def _is_damaged(db: sqlite3.Connection, key: str, request: Request) -> bool:
    row = db.execute("SELECT CAST(response AS BLOB) FROM answers WHERE key = ?", (key,)).fetchone()
    return row is not None and _read(row[0], key, request) is None


def _read(kept: object, key: str, request: Request) -> Response | None:
    """The response kept under a key; None where it was damaged, or is another's: an index may be damaged too.

    What earlier releases kept has no checksum.
    """
    if not isinstance(kept, bytes):
        return None
    try:
        record = json.loads(kept) if kept.startswith(b"{") else (unsealed(kept) or {})
        if "key" in record:
            record = record["answer"] if record["key"] == key else None
        response = response_from_json(record) if isinstance(record, dict) else None
    except (HarnessError, LookupError, TypeError, ValueError, RecursionError):
        return None
    return response if isinstance(response, _kind_of(request)) else None


def _kind_of(request: Request) -> type[Response]:
    if isinstance(request, Choose):
        return Chosen
    return Generated if isinstance(request, Generate) else Scored


def _owner(fingerprint: Mapping[str, str]) -> str:
    return canonical(dict(fingerprint))


def _key(owner: str, request: Request) -> str:
    return hashlib.sha256(f"{owner}\0{request_key(request)}".encode()).hexdigest()
