"""Files of a user's: canaries, passages and texts as JSON lines."""

from pathlib import Path
from typing import Any

from harness.errors import DataError, quoted
from harness.privacy.extraction import Passage
from harness.reading.text import read_json_lines
from harness.reading.typed import built


def canaries_of(file: Path) -> tuple[list[str], list[str]]:
    """(secrets that were planted, secrets that were not). Raises DataError for a row without them."""
    rows = _rows(file)
    for number, row in enumerate(rows, 1):
        if not isinstance(row.get("secret"), str) or not isinstance(row.get("canary", False), bool):
            raise DataError(f"{file}:{number}: {quoted(row, 80)} needs a text 'secret'; 'canary' is true or false")
    canaries = [row["secret"] for row in rows if row.get("canary", False)]
    references = [row["secret"] for row in rows if not row.get("canary", False)]
    if not canaries or not references:
        raise DataError(
            f"{file} has {len(canaries)} canaries and {len(references)} references; valid: 1 of each or more"
        )
    return canaries, references


def passages_of(file: Path) -> list[Passage]:
    """Passages cut in two. Raises DataError for a row with a field that is missing, unknown or not as it must be."""
    passages = [built(Passage, row, f"{file}:{number}") for number, row in enumerate(_rows(file), 1)]
    for number, one in enumerate(passages, 1):
        if not one.suffix.strip():
            raise DataError(f"{file}:{number}: the suffix is empty: there is nothing to extract")
        if one.count is not None and one.count < 0:
            raise DataError(f"{file}:{number}: count = {one.count} is not a number of at least 0")
    return passages


def texts_of(file: Path) -> list[str]:
    """The texts. Raises DataError for a row without one."""
    rows = _rows(file)
    for number, row in enumerate(rows, 1):
        if not isinstance(row.get("text"), str):
            raise DataError(f"{file}:{number}: {quoted(row, 80)} has no text 'text'")
    return [row["text"] for row in rows]


def _rows(file: Path) -> list[dict[str, Any]]:
    rows = [row for _, row in read_json_lines(file, "file")]
    if not rows:
        raise DataError(f"{file} has no rows")
    return rows
