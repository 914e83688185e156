"""`harness fairness RUN TASK --by SLICE`: how differently a model decides for the groups of a slice."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option, store_option
from harness.files import write_json
from harness.visible import line

if TYPE_CHECKING:
    from harness.metrics.fairness import Fairness


@click.command("fairness")
@click.argument("run")
@click.argument("task")
@click.option("--by", required=True, metavar="SLICE", help="The slice whose values are the groups.")
@click.option("--positive", metavar="LABEL", help="The label that counts as selected [the second of two].")
@json_option
@store_option
def command(run: str, task: str, by: str, positive: str | None, json_file: Path | None, store: str | None) -> int:
    """Measure gaps between the groups of SLICE in accuracy, selection rate, true- and false-positive rate."""
    from harness.metrics.fairness import compare_groups, decisions
    from harness.store import open_store

    opened = open_store(store, create=False)
    stored = opened.run(run)
    result = compare_groups(
        decisions(opened.outcomes(stored.id, task), by, positive), int(stored.settings.get("seed", 0))
    )
    if json_file:
        record = {"run": stored.id, "model": stored.model, "task": task, "by": by, **asdict(result)}
        write_json(json_file, record)
    _show(f"{stored.model}  ·  {task} by {by}", result)
    return 0


def _show(title: str, result: Fairness) -> None:
    from rich.table import Table
    from rich.text import Text

    from harness.cli.table import plain, wide_console
    from harness.metrics.words import percent, percents

    console = wide_console(120)

    rates = Table(title=Text(line(title)), title_justify="left")
    for name in ("rate", "group", "value", "95 % interval", "n"):
        rates.add_column(name)
    for r in result.rates:
        rates.add_row(*plain(r.rate, r.group, percent(r.value), percents(r.low, r.high), r.n))
    gaps = Table(
        caption="gap: largest minus smallest group, never negative; chance: its mean with shuffled groups",
        caption_justify="left",
    )
    for name in ("over groups", "value", "95 % interval", "chance", "highest", "lowest", "n", "clusters"):
        gaps.add_column(name)
    for g in result.gaps:
        cells = (
            g.name,
            percent(g.value),
            percents(g.low, g.high),
            percent(g.chance),
            g.highest,
            g.lowest,
            g.n,
            g.clusters,
        )
        gaps.add_row(*plain(*cells))
    console.print(rates)
    console.print(gaps)
