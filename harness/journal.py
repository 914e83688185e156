"""The journal of a run: every finished batch as one checksummed line, so that nothing computed is ever lost.

A line is ``<crc32 of the JSON, 8 hex digits> <JSON>``; the first is the header. What follows the last whole line is cut
off when the journal is opened again, with a notice.
"""

import fcntl
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

from harness.errors import RunError
from harness.records import canonical, response_from_json, response_to_json
from harness.types import Response


class Journal:
    """Open for one process at a time. ``responses``: position -> response; ``cached``: those not computed here."""

    def __init__(self, path: Path, file: IO[bytes], records: list[dict[str, Any]], notice: str) -> None:
        self.path = path
        self.notice = notice
        self.responses: dict[int, Response] = {}
        self.cached: set[int] = set()
        self._file = file
        for record in records:
            self._take([(i, response_from_json(r)) for i, r in record["answers"]], record["cached"])

    @classmethod
    def open(cls, path: Path, head: Mapping[str, Any]) -> Self:
        """Create a journal, or continue the one at ``path``.

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
        records, whole = _records(file.read())
        torn = file.seek(0, os.SEEK_END) - whole
        notice = f"{path}: cut off {torn} bytes of a record that was not finished" if torn else ""
        file.truncate(whole)
        journal = cls(path, file, records[1:], notice)
        if not records:
            journal._write(dict(head))
        elif records[0] != json.loads(canonical(dict(head))):
            differing = sorted(k for k in {*records[0], *head} if records[0].get(k) != head.get(k))
            file.close()
            raise RunError(f"{path}: belongs to another run: {', '.join(differing)} differ")
        return journal

    def append(self, batch: Sequence[tuple[int, Response]], cached: bool = False) -> None:
        """Write one batch and wait until it is on the disk. Raises RunError if it cannot be written."""
        answers = [(i, response_to_json(response)) for i, response in batch]
        self._write({"answers": answers, "cached": cached})
        self._take(batch, cached)

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

    def _write(self, record: dict[str, Any]) -> None:
        text = canonical(record).encode()
        end = self._file.seek(0, os.SEEK_END)
        try:
            line = memoryview(b"%08x %s\n" % (zlib.crc32(text), text))
            while line:
                line = line[self._file.write(line) :]  # a nearly full disk takes a part
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(end)
            raise RunError(f"{self.path}: cannot write the journal: {error.strerror}") from error


def header(path: Path) -> dict[str, Any]:
    """The header of a journal, without locking it; empty if there is none to be read."""
    records, _ = _records(path.read_bytes().split(b"\n", 1)[0] + b"\n")
    return records[0] if records else {}


def progress(path: Path) -> tuple[int, int]:
    """(answered, in all) of a journal that may be in use."""
    records, _ = _records(path.read_bytes())
    return sum(len(r["answers"]) for r in records[1:]), int(records[0]["total"]) if records else 0


def _records(content: bytes) -> tuple[list[dict[str, Any]], int]:
    """The whole records at the beginning of ``content`` and the number of bytes they take."""
    records, whole = [], 0
    for line in content.splitlines(keepends=True):
        checksum, _, text = line.rstrip(b"\n").partition(b" ")
        if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
            break
        records.append(json.loads(text))
        whole += len(line)
    return records, whole
