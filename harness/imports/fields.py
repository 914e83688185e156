"""Fields of a stranger's JSON, each of the type that it has to have. Raises DataError in one line for any other."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import DataError, quoted
from harness.reading.text import json_object, json_value, read_text
from harness.reading.values import kind_of

PAGE = 1 << 28
"""Bytes of the largest JSON document that is read as a whole."""
MOST = 10**15
"""Whole numbers are below it."""


def read_page(path: Path, kind: str) -> dict[str, Any]:
    """The object of a JSON file; numbers that are not finite are read, for who uses them to refuse them."""
    return json_object(read_text(path, kind, PAGE), str(path), constants=True)


def read_json(path: Path, kind: str) -> Any:
    """Whatever a JSON file holds; numbers as in ``read_page``."""
    return json_value(read_text(path, kind, PAGE), str(path), constants=True)


def read_items(path: Path, kind: str) -> Sequence[Any]:
    """The list of a JSON file; numbers as in ``read_page``."""
    return items(read_json(path, kind), str(path))


def table(value: object, what: str) -> Mapping[str, Any]:
    """A table, or an empty one for null."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise DataError(f"{what} is {kind_of(value)}, not a table")
    return value


def items(value: object, what: str) -> Sequence[Any]:
    """A list, or an empty one for null."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise DataError(f"{what} is {kind_of(value)}, not a list")
    return value


def text(value: object, what: str) -> str:
    """A text, or an empty one for null."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DataError(f"{what} is {kind_of(value)}, not a text")
    return value


def needed(value: object, what: str) -> str:
    """A text that is not empty."""
    if not text(value, what).strip():
        raise DataError(f"{what} is missing")
    return str(value)


def count(value: object, what: str) -> int | None:
    """A whole number of at least 0, or None for null."""
    if value is None:
        return None
    number = whole(value)
    if number is None or number < 0:
        raise DataError(f"{what} is {quoted(value, 80)}, not a count")
    return number


def finite(value: object) -> float | None:
    """A number; None for whatever is none, infinities and NaN among it."""
    if not isinstance(value, int | float) or abs(value) > 1e300:  # also whole numbers beyond every float
        return None
    return float(value) if math.isfinite(value) else None


def amount(value: object, least: int = 1) -> int | None:
    """A whole number, what is behind the point cut off; None for what is none, too small, or beyond every database."""
    number = finite(value)
    return int(number) if number is not None and least <= number < MOST else None


def whole(value: object) -> int | None:
    """A whole number, also one below 0; None for what is none, or beyond every database."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < MOST or value % 1:
        return None
    return int(value)


def moment(seconds: float) -> str:
    """A Unix time as a run keeps it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        raise DataError(f"{quoted(seconds, 40)} is no time") from None


def iso(value: object, what: str) -> str:
    """An ISO 8601 time in UTC as a run keeps it."""
    try:
        return datetime.fromisoformat(needed(value, what)).astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        raise DataError(f"{what} is {quoted(value, 40)}, not a time in ISO 8601") from None


def shown(value: object) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
