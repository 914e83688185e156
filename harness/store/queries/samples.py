"""Which samples of a task are meant, as a condition that ``Store.samples`` takes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import UsageError

STATES = {"all": "", "right": "correct = true", "wrong": "correct = false", "failed": "failure_kind is not null"}


@dataclass(frozen=True, slots=True)
class SampleFilter:
    """Which samples: ``text`` is looked for in prompt, answer and gold; ``slice`` is "name=value"; ``metric`` lies
    between ``low`` and ``high``; ``examples`` are ids, None for any."""

    state: str = "all"
    text: str = ""
    slice: str = ""
    metric: str = ""
    low: float | None = None
    high: float | None = None
    examples: tuple[str, ...] | None = None


def condition(wanted: SampleFilter, columns: Sequence[str] = ()) -> str | None:
    """The SQL condition of a filter over samples that have these columns; None for all of them.

    What was typed is written as code points: it is a value, never SQL. Raises UsageError for a state that there is
    not, and for a slice or metric without a column.
    """
    if wanted.state not in STATES:
        raise UsageError(f"filter {wanted.state!r}; valid: {', '.join(STATES)}")
    parts = [STATES[wanted.state]] if STATES[wanted.state] else []
    if wanted.text:
        needle = _literal(wanted.text.lower()[:200])
        parts.append(f"contains(lower(concat_ws(chr(10), prompt, prediction, target)), {needle})")
    if wanted.slice:
        name, _, value = wanted.slice.partition("=")
        parts.append(f"{_column(f'slice.{name}', columns)} = {_literal(value)}")
    if wanted.metric:
        column = _column(f"value.{wanted.metric}", columns)
        bounds = ((">=", wanted.low), ("<=", wanted.high))
        parts += [f"{column} {sign} {bound!r}" for sign, bound in bounds if bound is not None and math.isfinite(bound)]
    if wanted.examples is not None:
        ids = ", ".join(map(_literal, wanted.examples))
        parts.append(f"example_id in ({ids})" if ids else "false")
    return " and ".join(parts) or None


def _column(name: str, columns: Sequence[str]) -> str:
    if name not in columns:
        raise UsageError(f"these samples have no {name}")
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    """An SQL expression that is this text, whatever it holds."""
    return f"concat({', '.join(f'chr({ord(c)})' for c in text)})" if text else "''"
