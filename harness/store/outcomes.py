"""Outcomes as rows of a table and back: the columns of a file of samples, and what stands in them."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from harness.answers.records import (
    failure_of,
    request_from_json,
    request_key,
    request_to_json,
    response_from_json,
    response_to_json,
)
from harness.errors import StoreError
from harness.hidden import hidden
from harness.reading.typed import built
from harness.types import Example, Judged, Likelihood, Outcome, PseudoLikelihood, Request, Value
from harness.visible import whole

if TYPE_CHECKING:
    import pandas as pd

DEEPEST, LONGEST_TEXT = 50, 10_000
"""Levels of lists in lists that are kept as such, and characters of what lies below them."""

FIXED = {
    "row": pa.int64(),
    "task": pa.string(),
    "example_id": pa.string(),
    "cluster": pa.string(),
    "correct": pa.bool_(),
    "prediction": pa.string(),
    "target": pa.string(),
    "failure_kind": pa.string(),
    "failure_message": pa.string(),
    "prompt": pa.string(),
    "prompt_hash": pa.string(),
    "slices": pa.string(),
    "values": pa.string(),
    "fields": pa.string(),
    "requests": pa.string(),
    "responses": pa.string(),
}
"""Columns of every file; then one ``value.METRIC`` (double) and one ``slice.NAME`` (string) for each that occurs."""


JSON_COLUMNS = frozenset({"target", "slices", "values", "fields", "requests", "responses"})
"""Columns whose text is JSON."""

REPEATING = frozenset({"task", "cluster", "prediction", "slices", "values", "failure_kind"})
"""Columns that are worth a dictionary; one of unique texts would have to be read as a whole for every page."""


def columns_of(outcomes: Sequence[Outcome]) -> pa.Schema:
    """The columns of a file of these outcomes."""
    values: set[str] = set()
    slices: set[str] = set()
    for outcome in outcomes:
        slices.update(map(whole, outcome.example.slices))
        if outcome.judged:
            values.update(whole(k) for k, v in outcome.judged.values.items() if not isinstance(v, tuple))
    columns = dict(FIXED)
    columns |= {f"value.{name}": pa.float64() for name in sorted(values)}
    columns |= {f"slice.{name}": pa.string() for name in sorted(slices)}
    return pa.schema(columns)


def row_of(number: int, task: str, outcome: Outcome) -> dict[str, Any]:
    """An outcome as a row of the file of its task."""
    example, judged, failure = outcome.example, outcome.judged, outcome.failure
    values = judged.values if judged else {}
    first = outcome.requests[0] if outcome.requests else None
    record = {
        "row": number,
        "task": whole(task),
        "example_id": whole(example.id),
        "cluster": _whole(example.cluster),
        "correct": judged.correct if judged else None,
        "prediction": _whole(judged.prediction) if judged else None,
        "target": _dump(example.target),
        "failure_kind": _whole(failure.kind) if failure else None,
        "failure_message": hidden(whole(failure.message)) if failure else None,
        "prompt": _whole(_prompt(first)) if first else None,
        "prompt_hash": _prompt_hash(outcome.requests),
        "slices": _dump(dict(example.slices)),
        "values": _dump({k: _number(v) for k, v in values.items()} | dict(judged.failed)) if judged else None,
        "fields": _dump(dict(example.fields)),
        "requests": _dump([request_to_json(r) for r in outcome.requests]),
        "responses": _dump([response_to_json(r) for r in outcome.responses]),
    }
    record |= {f"value.{whole(k)}": float(v) for k, v in values.items() if not isinstance(v, tuple)}
    record |= {f"slice.{whole(k)}": whole(str(v)) for k, v in example.slices.items()}
    return record


def _whole(text: str | None) -> str | None:
    return None if text is None else whole(text)


def _dump(value: Any) -> str:
    """JSON as readable UTF-8; only what UTF-8 cannot hold is escaped. What JSON has no form for is a text."""
    try:
        text = _encode(value)
    except (TypeError, ValueError, RecursionError):  # keys that are no texts, a list within itself
        text = _encode(_told(value))
    return _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def _told(value: Any, depth: int = 0) -> Any:
    """A value as JSON has it: keys as texts, and what lies too deep as one text."""
    if depth > DEEPEST:
        return repr(value)[:LONGEST_TEXT]
    if isinstance(value, Mapping):
        return {str(key): _told(part, depth + 1) for key, part in value.items()}
    return [_told(part, depth + 1) for part in value] if isinstance(value, list | tuple) else value


def _as_text(value: Any) -> Any:
    """A time in ISO 8601, bytes in base64, arrays as lists, anything else as Python writes it."""
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return value.tolist()
    return sorted(value, key=repr) if isinstance(value, set | frozenset) else str(value)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_as_text).encode
_HALVES = re.compile("[\ud800-\udfff]")


def _number(value: float | tuple[float, ...]) -> Any:
    """numpy scalars are floats to Python, but not to JSON."""
    return [float(x) for x in value] if isinstance(value, tuple) else float(value)


def _prompt(request: Request) -> str:
    if isinstance(request, PseudoLikelihood):
        return request.text
    return request.context + request.text if isinstance(request, Likelihood) else request.prompt


def _prompt_hash(requests: Sequence[Request]) -> str:
    keys = [request_key(r) for r in requests]
    return keys[0] if len(keys) == 1 else hashlib.sha256("\n".join(keys).encode()).hexdigest()


def decoded(texts: Sequence[object], path: str) -> "pd.Series[Any]":
    """A column of JSON as the values it holds; None where it is empty. Raises StoreError for what is no JSON."""
    import pandas as pd

    parts = (text if isinstance(text, str) else "null" for text in texts)
    try:
        return pd.Series(json.loads(f"[{','.join(parts)}]"), dtype=object)  # at once: ten times as fast
    except (ValueError, RecursionError) as error:
        raise StoreError(f"cannot read {path}: {str(error)[:200]}") from error


def split_values(values: Mapping[str, Any]) -> tuple[dict[str, Value], dict[str, str]]:
    """The numbers of a decoded column of values, rows of statistics as tuples, and why other metrics have none."""
    numbers = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if not isinstance(v, str)}
    return numbers, {k: v for k, v in values.items() if isinstance(v, str)}


def outcome_of(row: Mapping[str, Any]) -> Outcome:
    """The outcome that a row holds. Raises DataError, ValueError, TypeError or KeyError for a row of another making."""
    example = {name: json.loads(row[name]) for name in ("fields", "target", "slices")}
    example["slices"] = {k: str(v) for k, v in example["slices"].items()}
    values, failed = split_values(json.loads(row["values"] or "{}"))
    judged = {"prediction": row["prediction"], "values": values, "correct": row["correct"], "failed": failed}
    return Outcome(
        built(Example, {**example, "id": row["example_id"], "cluster": row["cluster"]}, "an example"),
        tuple(request_from_json(r) for r in json.loads(row["requests"])),
        tuple(response_from_json(r) for r in json.loads(row["responses"])),
        None if row["prediction"] is None else built(Judged, judged, "a judgement"),
        None if row["failure_kind"] is None else failure_of(row["failure_kind"], row["failure_message"]),
    )
