"""`harness compare`: what changed between runs, with paired intervals and corrected tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import json_option, names, store_option
from harness.files import write_json
from harness.visible import line

if TYPE_CHECKING:
    from harness.api import Changes
    from harness.differences import Difference, Flip


@click.command("compare")
@click.argument("first")
@click.argument("others", nargs=-1, required=True)
@click.option("--task", "--tasks", "-t", "tasks", multiple=True, metavar="NAME", help="Only these tasks.")
@click.option("--intersect", is_flag=True, help="Compare what both runs share although data, version or size differ.")
@click.option("--examples", is_flag=True, help="List the examples that were fixed or broken.")
@click.option("--slices", is_flag=True, help="Every slice too.")
@click.option("--all", "everything", is_flag=True, help="Calibration and changed examples too.")
@store_option
@json_option
def command(first: str, others: tuple[str, ...], json_file: Path | None, **words: Any) -> int:
    """Compare runs OTHERS with run FIRST, example by example.

    A run is named by its id or the beginning of it, a tag, `latest`, `latest~1`, or its model; FIRST may be the name
    of a baseline too.

    \b
    harness compare ft-v1 ft-v2
    harness compare main latest --examples
    """
    from harness.api import compare

    pages = []
    for other in others:
        changes = compare(
            first,
            other,
            store=words["store"],
            tasks=names(words["tasks"]),
            intersect=words["intersect"],
            slices=words["slices"],
        )
        pages.append(changes_json(changes))
        if changes.sentence:
            click.echo(f"{line(changes.sentence, 2_000)}\n")
        show(changes, changes.differences if words["everything"] else changes.headlines)
        for task, metrics in changes.uncompared.items():
            told = f"not compared: {task}: {', '.join(metrics)} (no values of the same examples in both)"
            click.echo(line(told, 2_000))
        if changes.bundles:
            click.echo(changes.bundles)
        if words["examples"]:
            show_flips(changes.flips)
    if json_file:
        write_json(json_file, pages)
    return 0


def changes_json(changes: Changes) -> dict[str, Any]:
    """The schema of ``--json``, which is a list of these: one for every run that was compared with the first."""
    return {
        "first": changes.first,
        "second": changes.second,
        "names": changes.names,
        "sentence": changes.sentence,
        "differences": changes.rows(),
        "uncompared": changes.uncompared,
        "bundles": changes.bundles,
        "flips": [asdict(flip) for flip in changes.flips],
    }


def show(changes: Changes, rows: Sequence[Difference]) -> None:
    """Print a table of differences."""
    from rich.table import Table
    from rich.text import Text

    from harness.api.sentence import direction
    from harness.cli.table import ROWS, plain, wide_console
    from harness.marks import signed
    from harness.metrics import words

    caption = (
        "95 % paired intervals; p after Holm over all metrics; MDE: smallest difference found with a power of 80 %; "
        "reference values (such as floors) are not compared"
    )
    if len(rows) < len(changes.differences):
        caption += f"; {len(changes.differences) - len(rows):,} more metrics: --all"
    if len(rows) > ROWS:
        caption += f"; {len(rows) - ROWS:,} more rows are not shown: --task narrows them"
    runs = zip(changes.names, (changes.first, changes.second), strict=True)
    first, second = (name if run in name else f"{name} ({run})" for name, run in runs)
    title = f"first: {first}   second: {second}"
    table = Table(title=Text(line(title)), title_justify="left", caption=caption, caption_justify="left")
    has_slices = any(row.slice != "all" for row in rows)
    for name in (
        "task", "metric", *["slice"] * has_slices, "second is", "first", "second", "difference", "interval", "p", "MDE",
        "fixed/broken", "n",
    ):  # fmt: skip
        table.add_column(name, overflow="fold")
    for row in rows[:ROWS]:
        p, record = row.paired, changes.metrics.get((row.task, row.metric))
        notes = [f"{row.dropped} dropped"] * bool(row.dropped) + [f"{row.reworded} reworded"] * bool(row.reworded)
        table.add_row(
            *plain(
                row.task, row.metric, *[row.slice] * has_slices, signed(direction(row)), words.value(p.first, record),
                words.value(p.second, record), words.points(p.difference, record, signed=True),
                words.span(p.low, p.high, record), words.p_value(row.adjusted), words.points(row.detectable, record),
                f"{row.fixed}/{row.broken}", ", ".join([str(p.n), *notes]),
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
