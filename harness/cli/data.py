"""`harness data fetch TASKS`: data sets of the Hub into a folder."""

from pathlib import Path

import click

from harness.cli.grouped import CommandGroup
from harness.cli.options import names


@click.group("data", cls=CommandGroup)
def command() -> None:
    """Data sets on this machine."""


@command.command("fetch")
@click.argument("tasks", nargs=-1, required=True)
@click.option(
    "--data",
    envvar="HARNESS_DATA",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder that the data are written to, and that runs read with --data [$HARNESS_DATA].",
)
def fetch_command(tasks: tuple[str, ...], data: Path) -> int:
    """Fetch what TASKS (names, groups, patterns, tag:NAME) need from the Hub, as ID/CONFIG/SPLIT.jsonl in a folder.

    \b
    harness data fetch bias --data ~/datasets
    harness run path/to/model --tasks bias --data ~/datasets
    """
    from harness.api import fetch

    written = fetch(names(tasks), data, notice=click.echo)
    click.echo(f"{len(written)} data sets fetched; the others are in {data} already" if written else "nothing to fetch")
    return 0
