"""From the rows of datasets to the examples of a task, with the row named in whatever is wrong with one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import DataError, quoted
from harness.reading.values import filled, label_of, no_column, text_of
from harness.types import Dataset, Example, Row, Shots

Column = str | Callable[[Row], Any]
"""The name of a column, or a function of the row. Where a text is wanted, a string is a ``str.format`` template."""
Prepare = Callable[[Sequence[Row]], Iterable[Row]]
"""Regroups the rows of a dataset before each becomes an example (lines to pages, references of one input)."""
Slices = Sequence[str] | Callable[[Row], Mapping[str, str]]
"""Columns that numbers are broken down by, or a function that gives a row's groups."""
Fields = Callable[[Row], tuple[dict[str, Any], Any]]
"""What a kind of task makes of a row: the fields of its example, and its target."""
Read = Callable[[Sequence[Row], Dataset], list[Example]]
"""The rows of one dataset as examples."""

MISFITS = (LookupError, TypeError, ValueError, AttributeError)
"""What a task's own functions raise on rows of another shape."""


NO_SHOTS = Shots()
"""No few-shot examples; where a run asks for some all the same, they come from the evaluated split."""


@dataclass(frozen=True, slots=True)
class Data:
    """Where a task's rows come from, and what they have in common with each other.

    ``dataset``: one, or several, whose configurations then stand before the ids.
    ``id``: by default the column ``id`` or ``idx``, else the row's number.
    ``slices``: what numbers are broken down by.
    ``cluster``: examples that share it (a passage, a template) are not independent.
    ``prepare``: regroups the rows first.
    ``shots``: where few-shot examples come from, and how many are shown.
    """

    dataset: Dataset | Sequence[Dataset]
    id: Column | None = None
    slices: Slices = ()
    cluster: Column | None = None
    prepare: Prepare | None = None
    shots: Shots = NO_SHOTS

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """The datasets as a tuple, however many there are."""
        return (self.dataset,) if isinstance(self.dataset, Dataset) else tuple(self.dataset)


def reader(task: str, data: Data, fields: Fields) -> Read:
    """A function from rows to examples, for a task described by ``data`` and what ``fields`` makes of a row.

    The function raises DataError, which names the task and the row, for rows that do not fit and ids used twice.
    """

    def identity(row: Row, number: int, dataset: Dataset) -> str:
        own = value_of(row, data.id) if data.id is not None else row.get("id", row.get("idx", number))
        label = label_of(own, "the id")
        return label if isinstance(data.dataset, Dataset) else f"{dataset.config}/{label}"

    def example(row: Row, number: int, dataset: Dataset) -> Example:
        content, target = fields(row)
        slices = data.slices(row) if callable(data.slices) else _groups(row, data.slices)
        shared = None if data.cluster is None else value_of(row, data.cluster)
        cluster = None if shared is None else label_of(shared, "the cluster")
        return Example(identity(row, number, dataset), content, target, slices, cluster)

    return reader_of(task, example, data.prepare)


def reader_of(task: str, example: Callable[[Row, int, Dataset], Example], prepare: Prepare | None) -> Read:
    """A function from rows to examples, each made by ``example(row, number from 0, dataset)``. Raises as above."""

    def one(row: Row, number: int, dataset: Dataset) -> Example:
        where = _where(task, number, dataset)
        try:
            return example(row, number, dataset)
        except KeyError as error:
            raise DataError(f"{where}: {no_column(error.args[0], row)}") from None
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
        except MISFITS as error:
            raise DataError(f"{where} is not what the task expects: {error}") from error

    def read(rows: Sequence[Row], dataset: Dataset) -> list[Example]:
        examples: dict[str, Example] = {}
        for number, row in enumerate(_prepared(task, rows, dataset, prepare)):
            new = one(row, number, dataset)
            if new.id in examples:
                raise DataError(f"{_where(task, number, dataset)}: example id {quoted(new.id)} is used twice")
            examples[new.id] = new
        return list(examples.values())

    return read


def _where(task: str, number: int, dataset: Dataset) -> str:
    return f"{task}: row {number + 1} of {dataset.path or dataset}"


def _prepared(task: str, rows: Sequence[Row], dataset: Dataset, prepare: Prepare | None) -> Sequence[Row]:
    if prepare is None:
        return rows
    try:
        return list(prepare(rows))
    except DataError as error:
        raise DataError(f"{task}: {dataset.path or dataset}: {error}") from None
    except MISFITS as error:
        raise DataError(
            f"{task}: the rows of {dataset.path or dataset} are not what the task expects: {error}"
        ) from error


def _groups(row: Row, columns: Sequence[str]) -> dict[str, str]:
    """The groups of a row by columns; where it has null it belongs to none."""
    values = {column: value_of(row, column) for column in columns}
    return {key: label_of(value, f"slice {quoted(key)}") for key, value in values.items() if value is not None}


def value_of(row: Row, column: Column) -> Any:
    """What a row says under a column's name, or what a function makes of it. Raises DataError for a missing column."""
    try:
        return column(row) if callable(column) else row[column]
    except KeyError as error:
        raise DataError(no_column(error.args[0], row)) from None


def text_from(row: Row, template: Column) -> str:
    """A template filled from a row, or the text that a function makes of it. Raises DataError."""
    return filled(template, row) if isinstance(template, str) else text_of(value_of(row, template), "the text")
