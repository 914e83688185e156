"""Tables of results as Markdown, LaTeX, CSV, JSON and HTML, each with whatever a name may hold made harmless."""

from __future__ import annotations

import csv
import io
import json
from html import escape
from typing import TYPE_CHECKING

from harness.metrics import words
from harness.visible import cell, line, markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from harness.api.tables import ResultTable, TableColumn
    from harness.types import Estimate

CAPTION = "95 % intervals; bold: better than every other run (paired test, p < .05 after Holm)"

FIELDS = ("model", "run", "task", "metric", "better", "value", "low", "high", "n", "failed", "best")
LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


def latex(text: str) -> str:
    """A text that LaTeX prints as it stands."""
    return "".join(LATEX.get(c, c) for c in line(text))


def as_markdown(table: ResultTable) -> str:
    """A table of Markdown with a line on how to read it."""
    head = ["model", *(markdown(_title(column)) for column in table.columns)]
    lines = [_piped(head), _piped(["---"] * len(head))]
    for name, cells in _cells(table):
        lines.append(_piped([markdown(name), *(f"**{text}**" if best else text for text, best in cells)]))
    notes = "".join(f"\n{markdown(note, 500)}" for note in table.notes)
    return "\n".join([*lines, "", CAPTION]) + notes + "\n"


def as_latex(table: ResultTable) -> str:
    """A ``tabular`` with the rules of booktabs."""
    head = ["model", *(latex(_title(column)) for column in table.columns)]
    rows = [
        [latex(name), *(rf"\textbf{{{text}}}" if best else text for text, best in cells)]
        for name, cells in _cells(table)
    ]
    body = [" & ".join(row) + r" \\" for row in rows]
    lines = [
        r"% \usepackage{booktabs}",
        f"% {CAPTION}".replace("95 %", "95 percent"),
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        " & ".join(head) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def as_csv(table: ResultTable) -> str:
    """One line for every number: numbers in full, an empty cell where there is none."""
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    for record in _records(table):
        writer.writerow({name: _inert(value) if isinstance(value, str) else value for name, value in record.items()})
    return out.getvalue()


def as_json(table: ResultTable) -> str:
    """A list with an object for every number, and why no number of a column is marked."""
    return json.dumps({"numbers": list(_records(table)), "notes": table.notes}, indent=1) + "\n"


def as_html(table: ResultTable) -> str:
    """A ``table`` element."""
    head = "".join(f"<th>{escape(line(text))}</th>" for text in ["model", *map(_title, table.columns)])
    rows = [
        f"<tr><th>{escape(line(name))}</th>"
        + "".join(f"<td>{f'<strong>{text}</strong>' if best else text}</td>" for text, best in cells)
        + "</tr>"
        for name, cells in _cells(table)
    ]
    caption = "<br>".join(escape(line(text, 500)) for text in [CAPTION, *table.notes])
    return "\n".join(["<table>", f"<caption>{caption}</caption>", f"<tr>{head}</tr>", *rows, "</table>"]) + "\n"


FORMATS: Mapping[str, Callable[[ResultTable], str]] = {
    "md": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
    "json": as_json,
    "html": as_html,
}


def _records(table: ResultTable) -> Iterator[dict[str, str | float | bool | None]]:
    """Every number with its FIELDS."""
    for row in table.rows:
        for column, own, best in zip(table.columns, row.numbers, row.best, strict=True):
            if own:
                about = (row.name, row.run, column.task, column.metric, column.record.better)
                numbers = (own.value, own.low, own.high, own.n, own.failed, best)
                yield dict(zip(FIELDS, (*about, *numbers), strict=True))


def _title(column: TableColumn) -> str:
    """``demo/sentiment acc, % (higher is better, n = 40)``."""
    record, unit = column.record, words.factor(column.record)[1].strip()
    ideal = "no ideal" if record.ideal is None else f"ideal {words.value(record.ideal, record)}"
    good = {"higher": "higher is better", "lower": "lower is better"}.get(record.better, ideal)
    size = f", n = {column.n:,}" if column.n is not None else ""
    return f"{column.task} {column.metric}{f', {unit}' if unit else ''} ({good}{size})"


def _cells(table: ResultTable) -> list[tuple[str, list[tuple[str, bool]]]]:
    """Of every row its name and its cells: what to print, and whether it is the best."""
    return [
        (row.name, [_cell(*each) for each in zip(table.columns, row.numbers, row.best, strict=True)])
        for row in table.rows
    ]


def _cell(column: TableColumn, own: Estimate | None, best: bool) -> tuple[str, bool]:
    if own is None:
        return "-", False
    size = f" (n = {own.n:,})" if column.n is None else ""
    return words.with_ends(own, column.record) + size, best


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _inert(text: str) -> str:
    return cell(line(text))
