"""Outcomes of a run without the personal data in their texts, as a store keeps them that must not hold any."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from harness.privacy.personal import Redaction
from harness.types import Example, Outcome, Run

T = TypeVar("T")
SETTING = "redact"
"""What a run that keeps its texts so has among its settings."""
NAMES = frozenset({"id", "slices"})
"""Fields of an example by which it is found again and reported; a cluster may be a whole passage."""


def redacted(outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, tuple[Outcome, ...]]:
    """The outcomes with ``[KIND NUMBER]`` for personal data in questions, answers, verdicts and failures.

    The numbers are those of one ``Redaction``: equal where the data are, with a key that is thrown away. What was
    judged stays judged: values are those of the texts as they were.
    """
    hide = Redaction()
    return {task: tuple(_hidden(row, hide) for row in rows) for task, rows in outcomes.items()}


def is_redacted(run: Run) -> bool:
    """Whether the texts of a stored run are so."""
    return run.settings.get(SETTING) is True


def _hidden(value: T, hide: Redaction, *, rows: bool = False) -> T:
    """A record, or what is in it, with every text redacted; of ``rows`` of a dataset whole numbers too."""
    changed: Any = value
    if isinstance(value, str):
        changed = hide.text(value)
    elif rows and type(value) is int:
        told = hide.text(str(value))
        changed = value if told == str(value) else told
    elif isinstance(value, Mapping):
        changed = {key: _hidden(one, hide, rows=rows) for key, one in value.items()}
    elif isinstance(value, tuple | list):
        changed = type(value)(_hidden(one, hide, rows=rows) for one in value)
    elif is_dataclass(value) and not isinstance(value, type):
        rows = isinstance(value, Example)
        kept = NAMES if rows else ()
        named = [field.name for field in fields(value) if field.name not in kept]
        changed = replace(value, **{name: _hidden(getattr(value, name), hide, rows=rows) for name in named})
    return changed  # type: ignore[no-any-return]  # of the same type
