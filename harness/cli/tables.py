"""`harness table RUN...`: models x tasks for a page or a paper."""

import click

from harness.cli.options import names, store_option

FORMATS = ("md", "latex", "csv", "json", "html")


@click.command("table")
@click.argument("runs", nargs=-1, required=True)
@click.option("--metric", metavar="NAME", help="This metric of every task that has it [each task's first].")
@click.option("--tasks", "--task", "-t", "tasks", multiple=True, metavar="NAME", help="Only these; comma-separated.")
@click.option("--format", "format_", type=click.Choice(FORMATS), default="md", show_default=True)
@store_option
def command(runs: tuple[str, ...], metric: str | None, tasks: tuple[str, ...], format_: str, store: str | None) -> int:
    """Print RUNS x tasks with intervals; the best number is marked only where a paired test tells it from all others.

    A run is named by its id or the beginning of it, a tag, `latest`, `latest~1`, or its model.

    \b
    harness table smollm2 ft-v1 ft-v2 --format latex > table.tex
    """
    from harness.api import table

    click.echo(table(runs, metric=metric, tasks=names(tasks), store=store).text(format_), nl=False)
    return 0
