"""One immutable Parquet file per run and task: outcomes in, outcomes out, and the hash that proves it the same file."""

import hashlib
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import DataError, StoreError, UsageError, quoted
from harness.hidden import bare
from harness.store.outcomes import FIXED, REPEATING, columns_of, outcome_of, row_of
from harness.types import Outcome
from harness.visible import whole

ROWS = 1024
"""Rows of a row group: what is in memory at once when writing, and the least that is read of a column."""

FILLED = 128 * 2**20
"""Characters after which a row group is written although it has fewer rows."""

LONGEST_ID = 128
"""Characters of a run's id."""
LONGEST_NAME = 255
"""Bytes of the name of a file or folder that file systems take."""
BEHIND = len(".parquet.4194304.part")
"""Bytes that stand behind a task's name while its file is written, with the largest number of a process."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A published file: ``path`` within the samples folder, sha256 of its bytes, its rows and its size."""

    task: str
    path: str
    sha256: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Folder:
    """Where sample files are: any fsspec URL."""

    url: str

    def open(self) -> tuple[fsspec.AbstractFileSystem, str]:
        """The file system and the folder's path in it. Raises UsageError for a protocol that nothing answers to."""
        try:
            fs, path = fsspec.core.url_to_fs(self.url, use_listings_cache=False)
        except (ValueError, ImportError) as error:
            raise UsageError(f"no place for samples at {bare(self.url)}: {bare(str(error))}") from error
        return fs, path

    @property
    def is_local(self) -> bool:
        return "://" not in self.url or self.url.startswith("file://")


def folder_of(run_id: str) -> str:
    """The folder of a run's files within the folder of all. Raises UsageError for an id that would lead out of it."""
    if "/" in run_id or run_id in ("", ".", "..") or len(run_id) > LONGEST_ID:
        raise UsageError(f"run {quoted(run_id)}: such names cannot be stored")
    return _quoted(run_id)


def place_of(run_id: str, task: str) -> str:
    """The path of a file within the folder. Raises UsageError for a name that would lead out of it."""
    parts = task.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise UsageError(f"run {quoted(run_id)}, task {quoted(task)}: such names cannot be stored")
    return "/".join([folder_of(run_id), *map(_quoted, parts)]) + ".parquet"


def place_for(folder: Folder, run_id: str, task: str) -> str:
    """The path of a file that is to be written. Raises UsageError as ``place_of`` and for a name that is too long."""
    place = place_of(run_id, task)
    *outer, last = place.removesuffix(".parquet").split("/")
    if folder.is_local and (len(last) > LONGEST_NAME - BEHIND or any(len(name) > LONGEST_NAME for name in outer)):
        raise UsageError(
            f"task {quoted(task)}: its name is too long for a file: percent-encoded, {LONGEST_NAME - BEHIND} bytes fit "
            f"behind its last slash and {LONGEST_NAME} between others"
        )
    return place


def _quoted(name: str) -> str:
    return quote(whole(name), safe=" +=@,~")


def write(folder: Folder, run_id: str, task: str, outcomes: Sequence[Outcome]) -> Artifact:
    """Write and publish the outcomes of one task. Memory: one row group. Raises StoreError."""
    place = place_for(folder, run_id, task)
    written: list[tuple[int, _Hashing]] = []

    def fill(raw: Any) -> None:
        hashed = _Hashing(raw)
        written.append((_write_rows(hashed, task, outcomes), hashed))

    publish(folder, place, fill)
    rows, hashed = written[0]
    return Artifact(task, place, hashed.digest.hexdigest(), rows, hashed.size)


def publish(folder: Folder, place: str, fill: Callable[[Any], None]) -> None:
    """Write a file beside its place, then rename it: it is there as a whole or not at all.

    On an object store, where every file is so, it goes to its place at once; until the catalogue names it nobody
    reads it. Raises StoreError.
    """
    fs, root = folder.open()
    final = posixpath.join(root, place)
    part = f"{final}.{os.getpid()}.part" if folder.is_local else final
    try:
        fs.makedirs(posixpath.dirname(final), exist_ok=True)
        if folder.is_local:  # the run is ours alone: what somebody began to write here was killed
            for left in Path(posixpath.dirname(final)).glob(f"{escape(posixpath.basename(final))}.*.part"):
                left.unlink(missing_ok=True)
        with fs.open(part, "wb") as raw:
            fill(raw)
            if folder.is_local:
                raw.flush()
                os.fsync(raw.fileno())
        if part != final:
            fs.mv(part, final)
    except (OSError, pa.ArrowException) as error:
        with suppress(OSError):
            if folder.is_local:
                fs.rm(part)
        raise StoreError(f"cannot write {final}: {_reason(error)}") from error


def remove(folder: Folder, run_id: str) -> None:
    """Remove the files of a run. One that stays behind is named by no row and harms nobody."""
    with suppress(OSError, UsageError):
        fs, root = folder.open()
        fs.rm(posixpath.join(root, folder_of(run_id)), recursive=True)


class _Hashing:
    """A file being written whose sha256 is known at the end without reading it again."""

    def __init__(self, raw: Any) -> None:
        self.raw, self.digest, self.size, self.closed = raw, hashlib.sha256(), 0, False

    def write(self, data: Any) -> int:
        self.digest.update(data)
        self.raw.write(data)
        self.size += memoryview(data).nbytes
        return memoryview(data).nbytes

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self.raw.flush()

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def _write_rows(target: _Hashing, task: str, outcomes: Sequence[Outcome]) -> int:
    schema = columns_of(outcomes)
    rows = 0
    repeating = [name for name in schema.names if name in REPEATING or name.startswith("slice.")]
    with pq.ParquetWriter(
        pa.PythonFile(target, mode="w"),
        schema,
        compression="zstd",
        compression_level=3,
        write_page_checksum=True,
        use_dictionary=repeating,
    ) as writer:
        for records in _batches(row_of(i, task, outcome) for i, outcome in enumerate(outcomes)):
            writer.write_table(pa.Table.from_pylist(records, schema=schema))
            rows += len(records)
    return rows


def _batches(records: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Records by row group: a column of one holds less than 2 GiB of text, which Arrow cannot exceed."""
    batch: list[dict[str, Any]] = []
    size = 0
    for record in records:
        batch.append(record)
        size += sum(len(value) for value in record.values() if isinstance(value, str))
        if len(batch) == ROWS or size > FILLED:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def check(folder: Folder, artifact: Artifact) -> None:
    """Read the whole file and compare its sha256. Raises StoreError naming the file and both hashes, or a lost file."""
    fs, root = folder.open()
    path = posixpath.join(root, artifact.path)
    try:
        digest = hashlib.sha256()
        with fs.open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except FileNotFoundError as error:
        raise lost(path, artifact) from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {_reason(error)}") from error
    if digest.hexdigest() != artifact.sha256:
        raise StoreError(f"{path} is corrupt: sha256 {digest.hexdigest()}, the catalogue has {artifact.sha256}")


def lost(path: str, artifact: Artifact) -> StoreError:
    """The error for a file that the catalogue names and the folder lacks."""
    return StoreError(f"{path} is lost: the catalogue has {artifact.rows} samples of {artifact.task} there")


def read_outcomes(folder: Folder, artifact: Artifact) -> Iterator[Outcome]:
    """The outcomes as they were written, one row group in memory. Raises StoreError; call ``check`` first."""
    fs, root = folder.open()
    path = posixpath.join(root, artifact.path)
    wanted = [name for name in FIXED if name not in ("row", "task", "prompt", "prompt_hash")]
    try:
        with fs.open(path, "rb") as raw, pq.ParquetFile(raw, page_checksum_verification=True) as file:
            for batch in file.iter_batches(batch_size=ROWS, columns=wanted):
                yield from map(outcome_of, batch.to_pylist())
    except FileNotFoundError as error:
        raise lost(path, artifact) from error
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"cannot read {path}: {_reason(error)}") from error
    except (DataError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"cannot read {path}: {str(error)[:200]}") from error


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
