"""The journal of a run: every finished batch as one checksummed line, so that nothing computed is ever lost.

A line is ``<crc32 of the JSON, 8 hex digits> <JSON>``; one of them, at first the first, is the header. A note says what
is to be known beside the answers. A last line that was not finished is cut off when the journal is opened again. A line
that is damaged is told and stays as it is; what is whole behind it is used.
"""

import fcntl
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

from harness.answers.records import Json, canonical, response_from_json, response_to_json, sealed, unsealed
from harness.errors import HarnessError, RunError
from harness.types import Response

_START = re.compile(rb"[0-9a-f]{8} \{")


class Journal:
    """Open for one process at a time. ``responses``: position -> response; ``cached``: those not computed here.

    ``notes``: what is to be known beside the answers, in order.
    """

    def __init__(self, path: Path, file: IO[bytes], records: list[Json], notices: Sequence[str]) -> None:
        self.path = path
        self.notice = "; ".join(notices)
        self.responses: dict[int, Response] = {}
        self.cached: set[int] = set()
        self.notes: list[Json] = [record["note"] for record in records if "note" in record]
        self._file = file
        self._first: Mapping[str, Any] | None = None
        for record in records:
            if "answers" in record:
                self._take(*_batch(record))

    @classmethod
    def open(cls, path: Path, head: Mapping[str, Any]) -> Self:
        """Create a journal, or continue the one at ``path``; one whose header is damaged is believed to be that.

        Raises RunError if another process writes to it, if its header differs, or if it cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a+b", buffering=0)  # a failed write leaves nothing behind in memory
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"{path}: another run is writing to this journal") from None
        except OSError as error:
            raise RunError(f"{path}: cannot write the journal: {error.strerror}") from error
        file.seek(0)
        content = file.read()
        whole = content.rfind(b"\n") + 1
        records, damaged = _records(content[:whole])
        heads = [record for record in records if "identity" in record]
        stored = heads[0] if heads else None
        if stored is not None and canonical(stored) != canonical(dict(head)):
            differing = sorted(k for k in {*stored, *head} if stored.get(k) != head.get(k))
            file.close()
            raise RunError(f"{path}: belongs to another run: {', '.join(map(str, differing))} differ")
        torn = len(content) - whole
        notices = [f"{path}: cut off {torn} bytes of a record that was not finished"] * bool(torn)
        notices += [f"{path}: {damaged} bytes are damaged and left as they are; what they held is asked again"] * bool(
            damaged
        )
        file.truncate(whole)
        journal = cls(path, file, records, notices)
        if stored is None:
            journal._write(dict(head))
        return journal

    def append(self, batch: Sequence[tuple[int, Response]], cached: bool = False) -> None:
        """Write one batch and wait until it is on the disk. Raises RunError if it cannot be written."""
        if self._first is not None and not cached:
            self.note(self._first)
            self._first = None
        answers = [(i, response_to_json(response)) for i, response in batch]
        self._write({"answers": answers, "cached": cached})
        self._take(batch, cached)

    def note(self, note: Mapping[str, Any]) -> None:
        """Write down what is no answer. Raises RunError if it cannot be written."""
        self._write({"note": dict(note)})
        self.notes.append(dict(note))

    def note_with_answers(self, note: Mapping[str, Any]) -> None:
        """Write down a note before the first answers that are computed now, and none where there are none."""
        self._first = note

    def close(self) -> None:
        """Release the lock; the file stays."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _take(self, batch: Sequence[tuple[int, Response]], cached: bool) -> None:
        self.responses.update(batch)
        if cached:
            self.cached.update(i for i, _ in batch)

    def _write(self, record: Json) -> None:
        end = self._file.seek(0, os.SEEK_END)
        try:
            line = memoryview(sealed(record) + b"\n")
            while line:
                line = line[self._file.write(line) :]  # a nearly full disk takes a part
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(end)
            raise RunError(f"{self.path}: cannot write the journal: {error.strerror}") from error


def header(path: Path) -> Json:
    """The header of a journal, without locking it; empty if there is none to be read."""
    with path.open("rb") as file:
        first = unsealed(file.readline().rstrip(b"\n"))
        if first is not None:
            return first if "identity" in first else {}
        records, _ = _records(file.read())
    return next((record for record in records if "identity" in record), {})


def contents(path: Path) -> tuple[Json, list[list[tuple[int, Response]]], list[Json]]:
    """(header, batches, notes) of the whole records of a journal, without locking it; an empty header if it has none.

    Raises OSError.
    """
    content = path.read_bytes()
    records, _ = _records(content[: content.rfind(b"\n") + 1])
    head = next((record for record in records if "identity" in record), {})
    batches = [_batch(record)[0] for record in records if "answers" in record]
    return head, batches, [record["note"] for record in records if "note" in record]


def progress(path: Path) -> tuple[int, int]:
    """(answered, in all) of a journal that may be in use."""
    content = path.read_bytes()
    records, _ = _records(content[: content.rfind(b"\n") + 1])
    totals = [r.get("total") for r in records if "identity" in r]
    answered = {i for r in records if "answers" in r for i, _ in _batch(r)[0]}
    return len(answered), totals[0] if totals and isinstance(totals[0], int) else 0


def _records(content: bytes) -> tuple[list[Json], int]:
    """The whole records of finished lines, and how many bytes are none."""
    whole, damaged = [], 0
    for line in content.splitlines(keepends=True) if content else ():
        records, lost = _of_line(line.rstrip(b"\n"))
        whole += records
        damaged += lost
    return whole, damaged


def _of_line(line: bytes) -> tuple[list[Json], int]:
    """The record of a line; of a damaged one the last that stands whole in it: a line break may be what is damaged."""
    for start in _starts(line):
        record = unsealed(line[start:])
        if record is not None and _is_sound(record):
            return [record], start
    return [], len(line)


def _starts(line: bytes) -> Iterator[int]:
    yield 0
    yield from (match.start() for match in _START.finditer(line, 1))


def _is_sound(record: Json) -> bool:
    """Whether a record is a header, a note or a batch that can be read."""
    if "answers" not in record:
        return ("identity" in record) != isinstance(record.get("note"), dict)
    try:
        _batch(record)
    except (HarnessError, AttributeError, LookupError, TypeError, ValueError):
        return False
    return True


def _batch(record: Json) -> tuple[list[tuple[int, Response]], bool]:
    """The answers of a record by position, and whether they came from the cache. Raises for a record that is none."""
    answers = [(position, response_from_json(response)) for position, response in record["answers"]]
    if not all(type(position) is int and position >= 0 for position, _ in answers):
        raise ValueError("a position is no number")
    return answers, record["cached"] is True
