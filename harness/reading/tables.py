"""Rows from the files that hold them: JSON lines, CSV, TSV and Parquet. Any other ending is refused, never guessed at.

CSV and TSV know no types. Every cell is the text that was written, so that 007, 1.10 and "null" stay what they are, and
an empty cell is null: there is no value. Whoever means numbers says so (``numbers`` of a task file).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness.errors import DataError, quoted
from harness.reading.text import is_file, read_csv, read_json_lines, read_lines, require_once

Rows = list[dict[str, Any]]


def read_rows(path: Path) -> Rows:
    """The rows of a file. Raises DataError with file and line for what cannot be read, and for an unknown ending."""
    require_ending(path)
    if not is_file(path):
        raise DataError(f"{path}: no such file")
    return _READERS[path.suffix.lower()](path)


def require_ending(path: Path) -> None:
    """Raise DataError for a file whose ending says nothing of its rows."""
    if path.suffix.lower() not in ENDINGS:
        ending = f"not in {path.suffix}" if path.suffix else "this one has no ending"
        raise DataError(f"{path}: files of rows end in {', '.join(ENDINGS)}; {ending}")


def _jsonl(path: Path) -> Rows:
    return [row for _, row in read_json_lines(path, "file")]


def _csv(path: Path) -> Rows:
    return _table(path, read_csv(path, "file"))


def _tsv(path: Path) -> Rows:
    """Some programs put cells in quotes and others write a text's own quotes as they are, so such cells are refused."""
    lines = [(number, line.split("\t")) for number, line in enumerate(read_lines(path, "file"), 1) if line]
    for number, cells in lines:
        if any(cell.startswith('"') for cell in cells):
            raise DataError(
                f"{path}:{number}: a cell begins with a quotation mark, which in TSV may belong to the text or not: "
                "save the file as CSV or JSON lines"
            )
    return _table(path, lines)


def _table(path: Path, lines: Sequence[tuple[int, Sequence[str]]]) -> Rows:
    """The lines below a header as rows."""
    if not lines:
        return []
    (number, header), *rest = lines
    names = list(header)
    unnamed = next((place for place, name in enumerate(names, 1) if not name.strip()), None)
    if unnamed is not None:
        raise DataError(f"{path}:{number}: column {unnamed} of the header has no name (pandas: to_csv(index=False))")
    if len(names) == 1 and ";" in names[0]:
        raise DataError(f"{path}:{number}: the header {quoted(names[0])} is one column: separate columns by commas")
    require_once(path, names)
    for line, cells in rest:
        if len(cells) != len(names):
            raise DataError(f"{path}:{line}: {_count(cells)}, and the header has {len(names)}")
    return [dict(zip(names, (cell or None for cell in cells), strict=True)) for _, cells in rest]


def _count(cells: Sequence[str]) -> str:
    return f"{len(cells)} cell{'s' * (len(cells) != 1)}"


def _parquet(path: Path) -> Rows:
    from harness.reading import parquet  # Arrow takes a while to import

    return list(parquet.read_rows(path, "readable Parquet file"))


_READERS: dict[str, Callable[[Path], Rows]] = {".jsonl": _jsonl, ".csv": _csv, ".tsv": _tsv, ".parquet": _parquet}
ENDINGS = tuple(_READERS)
"""How files of rows may end."""
