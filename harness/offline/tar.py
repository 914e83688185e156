"""Bundles as tar files: one plain header a file, the same bytes wherever they are written, nothing else read.

A reader computes the header that a file must have and compares: so there is no way to say link, device or other name.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from harness.errors import DataError, RunError
from harness.offline.manifest import LONGEST, NAME, Manifest, PackedFile, read_manifest

BLOCK = 512
CHUNK = 1 << 20
MANIFEST, SIGNATURE = "manifest.json", "signature.json"
_OCTAL = 8**11
"""Sizes from here on are written in base 256, as GNU tar does."""


def header(path: str, size: int) -> bytes:
    """The header of an ordinary file (POSIX ustar): mode 0644, owner 0, time 0."""
    name = path.encode()
    folder = b""
    if len(name) > NAME:
        head, _, last = path.rpartition("/")
        folder, name = head.encode(), last.encode()
    digits = b"%011o\0" % size if size < _OCTAL else b"\x80" + size.to_bytes(11, "big")
    fields = [
        name.ljust(NAME, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0", digits, b"00000000000\0", b" " * 8, b"0",
        b"\0" * 100, b"ustar\x0000", b"\0" * 64, b"0000000\0", b"0000000\0", folder.ljust(155, b"\0"), b"\0" * 12,
    ]  # fmt: skip
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def write_tar(place: Path, manifest: Manifest, sources: Mapping[str, Path], signature: bytes | None) -> None:
    """Write a bundle beside its place, then rename it. ``sources``: the file of every entry's path.

    Raises RunError where it cannot be written, and where a file is no longer what the manifest says.
    """
    final = Path(os.path.realpath(place))
    part = final.with_name(f".{final.name[:200]}.{os.getpid()}.part")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as target:
            _write(target, MANIFEST, manifest.canonical())
            if signature is not None:
                _write(target, SIGNATURE, signature)
            for entry in manifest.entries:
                _copy(target, entry, sources[entry.path])
            target.write(b"\0" * 2 * BLOCK)
        part.replace(final)
    except OSError as error:
        raise RunError(f"cannot write {place}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _write(target: IO[bytes], path: str, content: bytes) -> None:
    target.write(header(path, len(content)) + content + b"\0" * (-len(content) % BLOCK))


def _copy(target: IO[bytes], entry: PackedFile, source: Path) -> None:
    total, size = hashlib.sha256(), 0
    target.write(header(entry.path, entry.size))
    with source.open("rb") as file:
        while chunk := file.read(CHUNK):
            total.update(chunk)
            size += len(chunk)
            target.write(chunk)
    if size != entry.size or total.hexdigest() != entry.sha256:
        raise RunError(f"{source} changed while it was packed")
    target.write(b"\0" * (-size % BLOCK))


class TarReader:
    """A bundle, read from its beginning to its end; everything is checked against the manifest before it is given away.

    Raises DataError in one sentence for whatever is not as ``write_tar`` writes it.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file, self._name = file, name
        first = self._exactly(BLOCK)
        content = self._small(first, MANIFEST)
        if content is None:
            raise DataError(f"{name} is no bundle: it does not begin with {MANIFEST}")
        self.manifest = read_manifest(content, name)
        self._next = self._exactly(BLOCK)
        self.signature = self._small(self._next, SIGNATURE)
        if self.signature is not None:
            self._next = self._exactly(BLOCK)

    def entries(self) -> Iterator[tuple[PackedFile, Iterator[bytes]]]:
        """Every file and its bytes in pieces, which must be used up before the next; the last piece proves the hash."""
        for entry in self.manifest.entries:
            if self._next != header(entry.path, entry.size):
                raise DataError(f"{self._name}: {entry.path} is not there as the manifest says")
            yield entry, self._pieces(entry)
            self._padding(entry.size)
            self._next = self._exactly(BLOCK)
        if self._next != b"\0" * BLOCK or self._exactly(BLOCK) != b"\0" * BLOCK or self._file.read(1):
            raise DataError(f"{self._name}: something follows that is not in the manifest")

    def _pieces(self, entry: PackedFile) -> Iterator[bytes]:
        total, left = hashlib.sha256(), entry.size
        while left:
            chunk = self._exactly(min(left, CHUNK))
            left -= len(chunk)
            total.update(chunk)
            if left:
                yield chunk
        if total.hexdigest() != entry.sha256:
            raise DataError(f"{self._name}: {entry.path} is damaged: its sha256 is not the one of the manifest")
        if entry.size:
            yield chunk

    def _small(self, block: bytes, path: str) -> bytes | None:
        """The content of a member that the manifest does not list; None for a header of anything else."""
        try:
            size = int(block[124:135], 8)
        except ValueError:
            return None
        if block != header(path, size):
            return None
        if size > LONGEST:
            raise DataError(f"{self._name}: {path} has {size:,} bytes; at most {LONGEST:,}")
        content = self._exactly(size)
        self._padding(size)
        return content

    def _padding(self, size: int) -> None:
        if self._exactly(-size % BLOCK).strip(b"\0"):
            raise DataError(f"{self._name}: something stands where padding belongs")

    def _exactly(self, count: int) -> bytes:
        content = self._file.read(count)
        if len(content) != count:
            raise DataError(f"{self._name} is truncated, or no bundle")
        return content
