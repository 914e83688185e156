"""Documents of a corpus, one block of half a megabyte after the other: text, JSON lines, Parquet, plain or packed."""

import glob
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from harness.contamination.words import BREAK, plain
from harness.errors import DataError, UsageError

BLOCK = 1 << 19
"""Bytes of text that are looked at together."""
OVERLAP = 1 << 14
"""Bytes of a long document that the next block begins with again."""
LONGEST_LINE = 256 << 20
PACKED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
KINDS = (".txt", ".md", ".jsonl", ".ndjson", ".parquet")
FIELDS = ("text", "content", "document")


@dataclass(frozen=True, slots=True)
class Block:
    """Plain texts of documents, joined by BREAK; ``documents`` numbers them."""

    text: bytes
    documents: tuple[int, ...]


def files_of(corpus: str) -> list[Path]:
    """The files of a file, a folder (all below it that have a known ending) or a glob.

    Raises UsageError where there is none.
    """
    path = Path(corpus)
    if path.is_file():
        return [path]
    paths = path.rglob("*") if path.is_dir() else map(Path, glob.glob(corpus, recursive=True))  # noqa: PTH207 - any root
    files = sorted(file for file in paths if file.is_file() and kind_of(file) in KINDS)
    if not files:
        raise UsageError(
            f"corpus {corpus!r} holds no file that ends in {', '.join(KINDS)} (or those with .gz, .zst, .bz2)"
        )
    return files


def kind_of(file: Path) -> str:
    """The ending that says what a file holds, without that of its packing."""
    return Path(file.stem).suffix.lower() if file.suffix.lower() in PACKED else file.suffix.lower()


def blocks(file: Path, field: str | None = None) -> Iterator[Block]:
    """The blocks of one file. ``field``: the column or key of the text, else the first of FIELDS that is there.

    Raises DataError for a file that cannot be read or whose rows have no text.
    """
    texts: list[bytes] = []
    numbers: list[int] = []
    length = 0
    try:
        for number, text in _documents(file, field):
            texts.append(plain(text))
            numbers.append(number)
            length += len(texts[-1])
            if length >= BLOCK:
                yield Block(BREAK.join(texts), tuple(numbers))
                texts, numbers, length = [], [], 0
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    if texts:
        yield Block(BREAK.join(texts), tuple(numbers))


def _documents(file: Path, field: str | None) -> Iterator[tuple[int, str]]:
    """(number of the document, its text or a part of it)."""
    kind = kind_of(file)
    if kind == ".parquet":
        yield from _columns(file, field)
        return
    with _opened(file) as stream:
        if kind in (".jsonl", ".ndjson"):
            yield from _rows(file, stream, field)
        else:
            yield from ((0, part) for part in _parts(stream))


def _opened(file: Path) -> IO[bytes]:
    packing = PACKED.get(file.suffix.lower())
    raw = file.open("rb")
    return pa.CompressedInputStream(raw, packing) if packing else raw


def _parts(stream: IO[bytes]) -> Iterator[str]:
    """A text in parts that overlap, cut where a word ends."""
    kept = b""
    while block := stream.read(BLOCK):
        text = kept + block
        end = max(text.rfind(b"\n"), text.rfind(b" "))
        end = len(text) if end <= len(kept) else end
        yield text[:end].decode("utf-8", "replace")
        start = max(0, end - OVERLAP)
        blanks = [at for at in (text.find(blank, start, end) for blank in (b" ", b"\n")) if at >= 0]
        kept = text[min(blanks) + 1 if blanks and start else start :]
    if kept:
        yield kept.decode("utf-8", "replace")


def _rows(file: Path, stream: IO[bytes], field: str | None) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(_lines(file, stream)):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{file}:{number + 1}: no JSON: {error}") from error
        text = _text(row, field) if isinstance(row, dict) else row
        if not isinstance(text, str):
            raise DataError(
                f"{file}:{number + 1}: no text in {field or ' or '.join(FIELDS)}; name the key with --field"
            )
        yield number, text


def _lines(file: Path, stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(BLOCK):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
        if len(rest) > LONGEST_LINE:
            raise DataError(f"{file}: a line of more than {LONGEST_LINE >> 20} MB")
    yield rest


def _text(row: dict[str, object], field: str | None) -> object:
    return row.get(field) if field else next((row[name] for name in FIELDS if name in row), None)


def _columns(file: Path, field: str | None) -> Iterator[tuple[int, str]]:
    with pq.ParquetFile(file) as table:
        names = table.schema_arrow.names
        column = field or next((name for name in FIELDS if name in names), None)
        if column not in names:
            raise DataError(f"{file}: no column {field or ' or '.join(FIELDS)}; it has {', '.join(names[:12])}")
        number = 0
        for batch in table.iter_batches(1_000, columns=[column]):
            for text in batch.column(0).to_pylist():
                if isinstance(text, str):
                    yield number, text
                number += 1
