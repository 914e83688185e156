"""How a campaign of ratings looks on a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from harness.visible import interval, line, number

if TYPE_CHECKING:
    from rich.table import Table

    from harness.people.analysis import CampaignReport, Quantity

REASONS = 10
"""Reasons for which examples were dropped or skipped that are printed."""


def print_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows that have the same keys, as one table."""
    table = _table(*rows[0])
    _print(table, [tuple(row.values()) for row in rows])


def print_report(report: "CampaignReport") -> None:
    """What the ratings say: the campaign, every section, and the raters."""
    for text in _head(report):
        click.echo(text)
    for section in report.sections:
        _print_quantities(section.title, section.rows, section.note)
    _print_raters(report)


def _head(report: "CampaignReport") -> Iterator[str]:
    campaign = report.campaign
    yield f"campaign   {campaign.id}  {campaign.kind}, {campaign.task}"
    for run, model in report.systems.items():
        yield line(f"system     {model}  (run {run})")
    yield f"ratings    {report.rated:,} of {report.assigned:,}; taken back {report.undone:,}"
    for what, counts in (("not shown", report.dropped), ("skipped", report.skipped)):
        most = sorted(counts.items(), key=lambda pair: -pair[1])[:REASONS]
        yield from (line(f"{what:<10} {count:,}: {reason}") for reason, count in most)


def _print_quantities(title: str, rows: "tuple[Quantity, ...]", note: str) -> None:
    table = _table("", "value", "95 % interval", "n", "", title=title, caption=note)
    _print(table, [(row.name, number(row.value), interval(row.low, row.high), row.n, row.note) for row in rows])


def _print_raters(report: "CampaignReport") -> None:
    table = _table("rater", "rated", "skipped", "checks failed", "repeats alike", "seconds", "doubts", title="Raters")
    rows = []
    for one in report.raters:
        checks, repeats = f"{one.failed} of {one.checks}", f"{one.same} of {one.repeated}"
        doubts = "; ".join(one.doubts) or "none"
        rows.append((one.rater, one.rated, one.skipped, checks, repeats, number(one.seconds), doubts))
    _print(table, rows)


def _table(*columns: str, title: str = "", caption: str = "") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(title_justify="left", caption_justify="left")
    table.title = Text(line(title)) if title else None
    table.caption = Text(line(caption)) if caption else None
    for name in columns:
        table.add_column(name)
    return table


def _print(table: "Table", rows: Sequence[Sequence[Any]]) -> None:
    from harness.cli.table import plain, wide_console

    for row in rows:
        table.add_row(*plain(*row))
    wide_console(120).print(table)
