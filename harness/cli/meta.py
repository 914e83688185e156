"""`harness meta RUN... --human CAMPAIGN`: how far the metrics of runs agree with people."""

from pathlib import Path

import click

from harness.cli.options import json_option, store_option
from harness.files import write_json
from harness.visible import interval, line, number


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

    from harness.cli.table import print_table
    from harness.people.against import against
    from harness.store import open_store

    result = against(open_store(store, create=False), runs, campaign, metrics, statistic)
    if json_file:
        write_json(json_file, asdict(result))
    click.echo(line(f"{result.examples} examples, {result.scores} rated answers of {', '.join(result.systems)}", 2_000))
    for name, count in result.missing.items():
        if count:
            click.echo(f"{line(name)} has no value for {count} rated answers, which are left out")
    if result.left_out:
        told = f"left out, because they lack values for some examples: {', '.join(result.left_out)}"
        click.echo(line(told, 2_000))
    rows = [
        (row.metric, row.agrees.statistic, number(row.agrees.value), interval(*ends), row.agrees.dropped)
        for row in result.rows
        for ends in (row.agrees.interval() or (None, None),)
    ]
    print_table(("metric", "statistic", "value", "95 % interval", "dropped"), rows)
    if result.tests:
        tests = [(t.first, t.second, number(t.difference), number(t.p), number(t.adjusted)) for t in result.tests]
        print_table(("first", "second", "second - first", "p", "adjusted p"), tests)
    return 0
