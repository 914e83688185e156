"""Samples by SQL condition: DuckDB over one Parquet file, reading only the columns and row groups it needs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from harness.errors import StoreError, UsageError

if TYPE_CHECKING:
    import fsspec
    import pandas as pd

_QUOTED = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")""")


Source = tuple[str, list[str]]


@dataclass(frozen=True, slots=True)
class Page:
    """Which samples: an SQL condition, an SQL ordering, columns (None: all), and how many from where."""

    where: str | None = None
    sort: str | None = None
    limit: int | None = None
    offset: int = 0
    columns: tuple[str, ...] | None = None


def read_page(path: str, fs: "fsspec.AbstractFileSystem", page: Page, *, local: bool) -> "pd.DataFrame":
    """The samples of a page, in the order of the run where ``sort`` leaves a tie; missing values last.

    A condition sees this one file: it cannot read or write another one, nor change a setting.
    Raises UsageError for a condition or ordering that does not parse or names an unknown column, StoreError for a
    file that cannot be read.
    """
    with duckdb.connect(":memory:") as connection:
        source, columns = _open(connection, path, fs, local=local)
        wanted = columns if page.columns is None else _known(page.columns, columns)
        rows = _rows(connection, _find(source, columns, page), page, path, columns)
        if page.limit is not None:  # the wide columns are decoded around the rows of the page only
            source = f"{source} WHERE row BETWEEN {min(rows, default=0)} AND {max(rows, default=-1)}"
        query = f"SELECT {', '.join(map(_name, {'row': 0} | dict.fromkeys(wanted)))} FROM {source}"
        try:
            frame = connection.execute(query + (f" AND row IN ({_list(rows)})" if page.limit is not None else "")).df()
        except duckdb.Error as error:
            raise StoreError(f"cannot read {path}: {_first_line(error)}") from error
    return frame.set_index("row", drop=False).loc[rows, list(wanted)].reset_index(drop=True)


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, page: Page, path: str, columns: Sequence[str]
) -> list[int]:
    """Numbers of the rows that fit, in order: only the columns of condition and ordering are read for it."""
    try:
        statements = connection.extract_statements(query)
        if len(statements) != 1:
            raise UsageError(f"{page.where or page.sort!r} is more than one condition")
        return [int(row[0]) for row in connection.execute(statements[0]).fetchall()]
    except duckdb.IOException as error:
        raise StoreError(f"cannot read {path}: {_first_line(error)}") from error
    except duckdb.Error as error:
        asked = " sort ".join(repr(part) for part in (page.where, page.sort) if part)
        raise UsageError(f"{asked}: {_first_line(error)}; columns: {', '.join(columns)}") from error


def _open(connection: duckdb.DuckDBPyConnection, path: str, fs: "fsspec.AbstractFileSystem", *, local: bool) -> Source:
    """Let the connection see one file and lock every other door; gives what stands after FROM, and its columns."""
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET parquet_metadata_cache = true")  # a page takes three queries on one file
    literal = "'" + path.replace("'", "''") + "'"
    try:
        if local:
            connection.execute(f"SET allowed_paths = [{literal}]")
            source = f"read_parquet({literal})"
        else:
            connection.register("samples", ds.dataset(path, filesystem=fs, format="parquet"))
            source = "samples"
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    except (duckdb.Error, OSError, pa.ArrowException) as error:
        raise StoreError(f"cannot read {path}: {_first_line(error)}") from error
    return source, [str(row[0]) for row in described]


def _find(source: str, columns: Sequence[str], page: Page) -> str:
    # A line break ends a comment that a condition may end with; the closing bracket is then still seen.
    where = f"WHERE ({_quote_dotted(page.where, columns)}\n)" if page.where else ""
    order = f"{_quote_dotted(page.sort, columns)}\n, row" if page.sort else "row"
    limit = f"LIMIT {int(page.limit)}" if page.limit is not None else ""
    return f"SELECT row FROM {source} AS samples {where} ORDER BY {order} {limit} OFFSET {int(page.offset)}"


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _list(rows: Sequence[int]) -> str:
    return ", ".join(map(str, rows)) or "NULL"


def _known(asked: Sequence[str], columns: Sequence[str]) -> Sequence[str]:
    unknown = [name for name in asked if name not in columns]
    if unknown:
        raise UsageError(f"no column {', '.join(unknown)}; columns: {', '.join(columns)}")
    return asked


def _quote_dotted(clause: str, columns: Sequence[str]) -> str:
    """``value.acc > 0`` -> ``"value.acc" > 0``, outside of what is quoted already: to SQL a dot is a table's."""
    dotted = sorted((name for name in columns if "." in name), key=len, reverse=True)
    if not dotted:
        return clause
    pattern = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, dotted))})(?![\w.])")
    parts = _QUOTED.split(clause)
    return "".join(part if i % 2 else pattern.sub(r'"\g<0>"', part) for i, part in enumerate(parts))


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
