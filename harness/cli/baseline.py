"""`harness baseline`: named pointers to runs, with their history."""

import click

from harness.cli.grouped import CommandGroup
from harness.cli.options import store_option
from harness.visible import line


@click.group("baseline", cls=CommandGroup)
def command() -> None:
    """Name the run that others are compared with."""


@command.command("set")
@click.argument("name")
@click.argument("run")
@click.option("--why", default="", metavar="TEXT", help="The reason, kept in the history.")
@store_option
def set_baseline(name: str, run: str, why: str, store: str | None) -> int:
    """Make RUN the baseline NAME."""
    from harness.store import open_store

    opened = open_store(store, create=False)
    opened.set_baseline(name, run, why)
    click.echo(f"{name} -> {opened.baseline(name)}")
    return 0


@command.command("list")
@click.option("--history", is_flag=True, help="Every step, newest first.")
@store_option
def list_baselines(history: bool, store: str | None) -> int:
    """List baselines and the runs that they point to."""
    from harness.store import open_store

    opened = open_store(store, create=False)
    if history:
        lines = [f"{s.at}  {s.name} -> {s.run_id or 'deleted'}  {s.why}".rstrip() for s in opened.baseline_history()]
    else:
        lines = [f"{name} -> {run}" for name, run in opened.baselines().items()]
    for text in lines or ["none yet"]:
        click.echo(line(text, 500))
    return 0
