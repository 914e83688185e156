"""`harness meta RUN... --human CAMPAIGN`: how far the metrics of runs agree with people."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option, store_option
from harness.files import write_json
from harness.visible import interval, number

if TYPE_CHECKING:
    from rich.table import Table


@click.command("meta")
@click.argument("runs", nargs=-1)
@click.option("--human", "campaign", required=True, metavar="CAMPAIGN", help="The campaign that rated the runs.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be given again.")
@click.option("--test", "statistic", default="segment_pearson", show_default=True, help="What paired tests compare.")
@store_option
@json_option
def command(
    runs: tuple[str, ...],
    campaign: str,
    metrics: tuple[str, ...],
    statistic: str,
    store: str | None,
    json_file: Path | None,
) -> int:
    """Compare the metrics of RUNS (by default all that the campaign rated) with people: correlations, pairwise
    accuracy with ties calibrated on other examples, soft pairwise accuracy, and paired tests of metrics.
    """
    from dataclasses import asdict

    from harness.cli.table import plain, wide_console
    from harness.people.against import against
    from harness.store import open_store

    result = against(open_store(store, create=False), runs, campaign, metrics, statistic)
    if json_file:
        write_json(json_file, asdict(result))
    click.echo(f"{result.examples} examples, {result.scores} rated answers of {', '.join(result.systems)}")
    for name, count in result.missing.items():
        if count:
            click.echo(f"{name} has no value for {count} rated answers, which are left out")
    if result.left_out:
        click.echo(f"left out, because they lack values for some examples: {', '.join(result.left_out)}")
    table = _table("metric", "statistic", "value", "95 % interval", "dropped")
    for row in result.rows:
        ends = row.agrees.interval()
        shown = interval(*ends) if ends else "-"
        table.add_row(*plain(row.metric, row.agrees.statistic, number(row.agrees.value), shown, row.agrees.dropped))
    wide_console(120).print(table)
    if result.tests:
        tests = _table("first", "second", "second - first", "p", "adjusted p")
        for test in result.tests:
            tests.add_row(
                *plain(test.first, test.second, number(test.difference), number(test.p), number(test.adjusted))
            )
        wide_console(120).print(tests)
    return 0


def _table(*columns: str) -> "Table":
    from rich.table import Table

    table = Table()
    for name in columns:
        table.add_column(name)
    return table
