"""`harness watch FOLDER`: the checkpoints of a training evaluated as they appear."""

from pathlib import Path
from typing import Any

import click

from harness.cli.options import (
    base_option,
    data_option,
    limit_of,
    mirror,
    names,
    notice,
    quiet_option,
    samples_option,
    store_option,
    typed,
)


@click.command("watch")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--tasks", "--task", "-t", multiple=True, required=True, help="As for harness run.")
@click.option("--every", type=click.IntRange(1), default=1, metavar="N", help="Only steps that N divides.")
@click.option("--once", is_flag=True, help="End when every checkpoint is evaluated instead of waiting for more.")
@click.option("--wait", type=click.FloatRange(0), default=30.0, show_default=True, help="Seconds between two looks.")
@click.option("--max-minutes", type=float, metavar="N", help="Stop after N minutes. Exit code 5.")
@click.option("--family", default="", help="What the training is called [the folder's name].")
@click.option("--limit", "-n", type=limit_of, metavar="N|N%", help="Only a sample of every dataset.")
@click.option("--shots", "-k", type=click.IntRange(0), help="Few-shot examples, instead of the task's own number.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@base_option
@data_option
@store_option
@samples_option
@quiet_option
def command(folder: Path, tasks: tuple[str, ...], **options: Any) -> int:
    """Evaluate the checkpoints that appear in FOLDER, the newest first; each is a run with its step.

    \b
    harness watch out/ft-v1 -t arc_easy,demo/qa -n 200 --every 1000
    harness watch out/ft-v1 -t arc_easy --once
    """
    from harness.api import watch
    from harness.cli.table import results_table

    quiet, data = options.pop("quiet"), options.pop("data")
    for result in watch(
        folder,
        names(tasks),
        every=options.pop("every"),
        once=options.pop("once"),
        wait=options.pop("wait"),
        data=mirror(data),
        samples=options.pop("samples_at"),
        command=typed(),
        notice=notice,
        **options,
    ):
        if not quiet:
            results_table(result.run, result.estimates)
    return 0
