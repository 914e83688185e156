"""What a value of a row means: as a text, as one of a list of choices, as a label. What nobody can tell is refused.

A file may hold null, true, 1.10 or a list where a text is needed. Python has a word for each ("None", "True", "1.1",
"['a']"), and none of these words is what a person wrote.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from string import Formatter
from typing import Any

from harness.errors import DataError, listed, quoted
from harness.reading.text import Written

Row = Mapping[str, Any]
KINDS: dict[type, str] = {list: "a list", tuple: "a list", dict: "a table", bytes: "bytes", date: "a date"}


def text_of(value: Any, what: str) -> str:
    """A text as it is, a number as it is written. Raises DataError that names ``what`` for everything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, Written):
        raise DataError(f"{what} is {value.written}, a number that reads {value!r}; put it in quotes")
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return str(value)
    raise DataError(f"{what} is {kind_of(value)}, not a text{_hint(value)}")


def choices_of(value: Any) -> list[str]:
    """The texts of a list of choices. Raises DataError for what is no list and for choices that are no texts."""
    if not isinstance(value, list | tuple):
        hint = ": in CSV each choice has a column, A, B, ..." if isinstance(value, str) else ""
        raise DataError(f"the choices are {kind_of(value)}, not a list{hint}")
    texts = [text_of(each, "a choice") for each in value]
    if not texts or any(not text.strip() for text in texts):
        raise DataError(f"an empty choice among {quoted(texts)}")
    return texts


def references_of(value: Any) -> tuple[str, ...]:
    """The right answers of a written one: a text, or a list of them. Raises DataError."""
    if not isinstance(value, list | tuple):
        return (text_of(value, "the answer"),)
    if not value:
        raise DataError("no reference answer")
    return tuple(text_of(each, "a reference answer") for each in value)


def key_of(target: Any, given: Sequence[Any], choices: Sequence[str], labels: Sequence[str]) -> int:
    """The index of the right choice: ``target`` is a choice or label, or an index of the ``choices``.

    ``given``: the choices before they became texts. Where they are numbers, a number is the choice of that value; where
    the same number is the index of another one, nobody can tell which is meant. Raises DataError.
    """
    if isinstance(target, bool) or target is None or not isinstance(target, str | int | float):
        raise DataError(f"label {kind_of(target)} is neither one of the choices {quoted(list(choices))} nor an index")
    numbers = [place for place, each in enumerate(given) if isinstance(each, int | float) and each == target]
    if any(isinstance(each, int | float) for each in given) and not isinstance(target, str):
        return _numbered(target, numbers, choices)
    if isinstance(target, int):
        if not 0 <= target < len(choices):
            raise DataError(
                f"label {quoted(target)} is outside the {len(choices)} choices {quoted(list(choices))}, counted from 0"
            )
        return target
    for names in map(list, (choices, labels)):
        if target in names:
            return names.index(str(target))
    digits = isinstance(target, str) and target.isdigit()
    index = "; an index is a number and no text (numbers = [COLUMN] in a task file)" if digits else ""
    raise DataError(f"label {quoted(target)} is not among the choices {quoted(list(choices))}{index}")


def label_of(value: Any, what: str) -> str:
    """The name of a group or of an example: texts, numbers, dates, true and false. Raises DataError."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Written):
        return value.written
    return str(value.isoformat()) if isinstance(value, date) else text_of(value, what)


def filled(template: str, row: Row) -> str:
    """A template filled from the columns of a row. Raises DataError for a column that lacks or holds no text."""
    try:
        for column, plain in columns_of(template):
            value, _ = Formatter().get_field(column, (), row)
            if plain or not isinstance(value, int | float) or isinstance(value, bool):
                text_of(value, f"column {quoted(column)}")
        return template.format_map(row)
    except KeyError as error:
        raise DataError(no_column(error.args[0], row)) from None
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise DataError(f"the template {quoted(template)} does not fit: {error}") from None


@lru_cache(maxsize=256)
def columns_of(template: str) -> tuple[tuple[str, bool], ...]:
    """(column, whether it is shown as it is and not through a format) of every place of a template.

    Raises ValueError for a text that is no template over columns.
    """
    places = [(name, spec, how) for _, name, spec, how in Formatter().parse(template) if name is not None]
    for name, spec, _ in places:
        if not name or name[0].isdigit():
            raise ValueError(f"{{{name}}} names none")
        if "." in name or "{" in (spec or "") or any(len(digits) > 3 for digits in _digits(spec or "")):
            raise ValueError(f"{{{name}{':' + spec if spec else ''}}} asks for more than a column")
    return tuple((name, not spec and not how) for name, spec, how in places)


def no_column(name: object, row: Row) -> str:
    """That a row lacks a column, and which ones it has."""
    return f"no column {quoted(name)}; there are {listed(row)}"


def _numbered(target: float, equal: Sequence[int], choices: Sequence[str]) -> int:
    """The one choice of ``equal`` value."""
    if not equal:
        raise DataError(f"label {quoted(target)} is not among the choices {quoted(list(choices))}, which are numbers")
    other = isinstance(target, int) and 0 <= target < len(choices) and target not in equal
    if other:
        raise DataError(
            f"label {target} is one of the choices {quoted(list(choices))} and the index of another: put the choices "
            "in quotes, and the label too unless it is an index"
        )
    return equal[0]


def kind_of(value: Any) -> str:
    """What a value is, in the words of the file it came from."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return next((name for kind, name in KINDS.items() if isinstance(value, kind)), quoted(value))


def _hint(value: Any) -> str:
    return "; put it in quotes if the word is meant" if value is None or isinstance(value, bool | date) else ""


def _digits(spec: str) -> list[str]:
    return "".join(c if c.isdigit() else " " for c in spec).split()
