"""`harness compare`: what changed between runs, with paired intervals and corrected tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from harness.cli.options import names, store_option
from harness.visible import interval, line, number

if TYPE_CHECKING:
    from harness.differences import Difference, Flip


@click.command("compare")
@click.argument("first")
@click.argument("others", nargs=-1, required=True)
@click.option("--task", "tasks", multiple=True, metavar="NAME", help="Only these tasks.")
@click.option("--intersect", is_flag=True, help="Compare what both have although data, version or size differ.")
@click.option("--examples", is_flag=True, help="List the examples that were fixed or broken.")
@click.option("--slices", is_flag=True, help="Every slice too.")
@store_option
def command(
    first: str,
    others: tuple[str, ...],
    tasks: tuple[str, ...],
    intersect: bool,
    examples: bool,
    slices: bool,
    store: str | None,
) -> int:
    """Compare runs OTHERS with run FIRST, example by example."""
    from harness.api import compare

    for other in others:
        changes = compare(first, other, store=store, tasks=names(tasks), intersect=intersect, slices=slices)
        show(f"{other} - {first}", changes.differences)
        for task, metrics in changes.uncompared.items():
            click.echo(f"not compared: {task}: {', '.join(metrics)} (no values of the same examples in both)")
        if examples:
            show_flips(changes.flips)
    return 0


def show(title: str, rows: Sequence[Difference]) -> None:
    """Print a table of differences."""
    from rich.table import Table
    from rich.text import Text

    from harness.cli.table import ROWS, plain, wide_console

    caption = (
        "95 % paired intervals; p after Holm; MDE: smallest difference found with a power of 80 %; reference values "
        "(such as floors) are not compared"
    )
    if len(rows) > ROWS:
        caption += f"; {len(rows) - ROWS:,} more rows are not shown: --task narrows them"
    table = Table(title=Text(line(title)), title_justify="left", caption=caption, caption_justify="left")
    for name in (
        "task",
        "metric",
        "slice",
        "first",
        "second",
        "difference",
        "interval",
        "p",
        "MDE",
        "fixed/broken",
        "n",
    ):
        table.add_column(name)
    for row in rows[:ROWS]:
        p = row.paired
        notes = [f"{row.dropped} dropped"] * bool(row.dropped) + [f"{row.reworded} reworded"] * bool(row.reworded)
        table.add_row(
            *plain(
                row.task, row.metric, row.slice, number(p.first), number(p.second), f"{p.difference:+.4g}",
                interval(p.low, p.high), number(row.adjusted),
                number(row.detectable), f"{row.fixed}/{row.broken}", ", ".join([str(p.n), *notes]),
            )
        )  # fmt: skip
    wide_console().print(table)


def show_flips(flips: Sequence[Flip]) -> None:
    """One line per example that changed between right and wrong."""
    for flip in flips:
        change = "" if flip.change is None else f"  {flip.change:+.3f}"
        kind = "fixed " if flip.fixed else "broken"
        said = f"{kind} {flip.task} {flip.example}: {flip.before!r:.1000} -> {flip.after!r:.1000}{change}"
        click.echo(line(said, 2500))
