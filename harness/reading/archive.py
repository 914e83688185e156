"""Entries of a zip file from somebody else, read one by one and never written anywhere: no entry is named by its path.

Entries may be stored, deflated, or compressed with zstd (method 93), which Python's zipfile does not know before 3.14.
Other methods, which it unpacks without a limit, are refused.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa

from harness.errors import DataError, quoted

ZSTD = 93
LARGEST = 1 << 28
"""Bytes that one entry may become."""
SWELLS = 1000
"""How much longer than its file all entries may become: logs that repeat themselves shrink 50 times, bombs 10,000."""
BROKEN = (OSError, zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, pa.ArrowException, ValueError)
"""What reading a zip file that is none, or a part of one, raises."""
MOST = 1_000_000
"""Entries of an archive."""


class Archive:
    """An open zip file; ``names`` are those of its entries."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self._path = file, path
        self._zip = zipfile.ZipFile(file)
        entries = self._zip.infolist()
        self.names = frozenset(entry.filename for entry in entries)
        total = sum(entry.file_size for entry in entries)
        if len(entries) > MOST or len(self.names) < len(entries):
            raise DataError(f"{path}: too many entries, or two of the same name")
        if total > SWELLS * max(path.stat().st_size, 1 << 16):
            raise DataError(f"{path}: its entries would become more than {SWELLS} times as long as it is")

    def read(self, name: str) -> bytes:
        """One entry as a whole. Raises DataError for one that is not there, is damaged or becomes too long."""
        if name not in self.names:
            raise DataError(f"{self._path}: lacks {quoted(name, 120)}")
        entry = self._zip.getinfo(name)
        if entry.file_size > LARGEST:
            raise DataError(f"{self._path}: {quoted(name, 120)} has {entry.file_size:,} bytes; at most {LARGEST:,}")
        content = self._zstd(entry) if entry.compress_type == ZSTD else self._plain(entry)
        if len(content) != entry.file_size or zlib.crc32(content) != entry.CRC:
            raise DataError(f"{self._path}: {quoted(name, 120)} is damaged")
        return content

    def _plain(self, entry: zipfile.ZipInfo) -> bytes:
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{self._path}: {quoted(entry.filename, 120)} is neither stored, deflated nor zstd")
        with self._zip.open(entry) as part:
            return part.read(entry.file_size)  # ZipFile.read unpacks all that there is, whatever the size says

    def _zstd(self, entry: zipfile.ZipInfo) -> bytes:
        self._file.seek(entry.header_offset)
        head = self._file.read(30)
        if head[:4] != b"PK\x03\x04" or entry.flag_bits & 1:
            raise DataError(f"{self._path}: {quoted(entry.filename, 120)} cannot be read")
        self._file.seek(sum(struct.unpack("<HH", head[26:30])), 1)
        packed = self._file.read(entry.compress_size)
        return bytes(pa.Codec("zstd").decompress(packed, entry.file_size, asbytes=True)) if packed else b""


@contextmanager
def open_archive(path: Path, kind: str) -> Iterator[Archive]:
    """A zip file that is to be a ``kind``. Raises DataError in one line for whatever is wrong with it."""
    try:
        with path.open("rb") as file:
            yield Archive(file, path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such {kind}") from None
    except BROKEN as error:
        raise DataError(f"{path}: is no {kind}, or is truncated or damaged: {str(error)[:200]}") from None
