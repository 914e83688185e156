"""`harness import`: results of other harnesses as runs."""

from pathlib import Path

import click

from harness.cli.options import notice, store_option
from harness.visible import line


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE|FOLDER...")
@store_option
def command(paths: tuple[Path, ...], store: str | None) -> int:
    """Import results of lm-evaluation-harness, inspect, HELM, lighteval, garak or Every Eval Ever as runs.

    A FILE is a page of results (its samples are found beside it), a log of inspect, or a run that `harness runs export`
    wrote; a FOLDER is a run of HELM, or holds any number of those.

    \b
    harness import results/org__model/results_2026-01-21T03-44-18.458309.json
    harness import logs/
    harness compare latest smollm2 --intersect
    """
    from harness.api import import_results

    for path in paths:
        for run in import_results(path, store=store, notice=notice):
            click.echo(line(f"{path} -> {run.id}  {run.model}: {', '.join(task.name for task in run.tasks)}", 2_000))
    return 0
