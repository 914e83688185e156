"""What a task file says of columns: which of them hold the choices, and which hold numbers."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import DataError, quoted
from harness.reading.values import no_column, text_of
from harness.types import Row

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""A number as JSON has it: 007 is a name, not a number."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class ChoiceColumns:
    """Choices in a column each, as spreadsheets have them; where one is null its row has a choice less.

    ``answer`` is the column that names the right one: by its column, its text or its number among ``names`` from 0.
    """

    names: tuple[str, ...]
    answer: str

    def choices(self, row: Row) -> list[str]:
        """The choices of a row. Raises DataError for one that is no text, KeyError for a missing column."""
        return [text_of(row[name], f"choice {quoted(name)}") for name in self._present(row)]

    def target(self, row: Row) -> Any:
        """The place of the right choice, or what the row says where that is none.

        Raises DataError for an answer that names one choice and is the text of another.
        """
        said, present, choices = row[self.answer], self._present(row), self.choices(row)
        if type(said) is int and 0 <= said < len(self.names):
            said = self.names[said]
        elif said in choices and said in self.names and said != row[said]:
            raise DataError(f"the answer {quoted(said)} is a column and the text of another choice")
        elif said in choices:
            return choices.index(said)
        if said in self.names and said not in present:
            raise DataError(f"the answer is the choice of column {quoted(said)}, which is empty")
        return present.index(said) if said in present else said

    def _present(self, row: Row) -> list[str]:
        return [name for name in self.names if row[name] is not None]


def lettered(row: Row) -> tuple[str, ...]:
    """The columns A, B, ... of a row that has at least these two, none left out."""
    count = next((place for place, letter in enumerate(LETTERS) if letter not in row), len(LETTERS))
    return tuple(LETTERS[:count]) if count >= 2 else ()


def with_numbers(rows: Sequence[Row], columns: Iterable[str]) -> list[Row]:
    """The rows with numbers in place of the texts of ``columns``. Raises DataError for a text that is no number."""
    return [dict(row) | {name: _number(row, name, at) for name in columns} for at, row in enumerate(rows, 1)]


def _number(row: Row, column: str, at: int) -> Any:
    if column not in row:
        raise DataError(f"row {at}: {no_column(column, row)}")
    cell = row[column]
    if not isinstance(cell, str):
        return cell
    if not NUMBER.fullmatch(cell.strip()):
        raise DataError(f"row {at}: column {quoted(column)} is {quoted(cell)}, which is no number")
    return json.loads(cell)
