"""How a campaign of ratings looks on a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from harness.visible import interval, line, number

if TYPE_CHECKING:
    from harness.people.analysis import CampaignReport, Section

RATERS = ("rater", "rated", "skipped", "checks failed", "repeats alike", "seconds", "doubts")
REASONS = 10
"""Reasons for which examples were dropped or skipped that are printed."""


def print_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows that have the same keys, as one table."""
    from harness.cli.table import print_table

    print_table(list(rows[0]), [tuple(row.values()) for row in rows])


def print_report(report: "CampaignReport") -> None:
    """What the ratings say: the campaign, every section, and the raters."""
    from harness.cli.table import print_table

    for text in _head(report):
        click.echo(text)
    for section in report.sections:
        print_section(section)
    print_table(RATERS, list(_raters(report)), title="Raters")


def print_section(section: "Section") -> None:
    """Numbers of one kind with their intervals."""
    from harness.cli.table import print_table

    quantities = [(row.name, number(row.value), interval(row.low, row.high), row.n, row.note) for row in section.rows]
    print_table(("", "value", "95 % interval", "n", ""), quantities, title=section.title, caption=section.note)


def _head(report: "CampaignReport") -> Iterator[str]:
    campaign = report.campaign
    yield f"campaign   {campaign.id}  {campaign.kind}, {campaign.task}"
    for run, model in report.systems.items():
        yield line(f"system     {model}  (run {run})")
    yield f"ratings    {report.rated:,} of {report.assigned:,}; taken back {report.undone:,}"
    for what, counts in (("not shown", report.dropped), ("skipped", report.skipped)):
        most = sorted(counts.items(), key=lambda pair: -pair[1])[:REASONS]
        yield from (line(f"{what:<10} {count:,}: {reason}") for reason, count in most)


def _raters(report: "CampaignReport") -> Iterator[tuple[object, ...]]:
    """A row of RATERS for each."""
    for one in report.raters:
        checks, repeats = f"{one.failed} of {one.checks}", f"{one.same} of {one.repeated}"
        doubts = "; ".join(one.doubts) or "none"
        yield one.rater, one.rated, one.skipped, checks, repeats, number(one.seconds), doubts
