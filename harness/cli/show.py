"""`harness show RUN`: what a run was and its numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option, names, store_option
from harness.cli.table import result_json, results_table, training_lines
from harness.files import write_json
from harness.subset import extent
from harness.visible import cut

if TYPE_CHECKING:
    from harness.types import Run


@click.command("show")
@click.argument("run")
@click.option("--slices/--no-slices", default=True, help="Also the numbers of every slice [yes].")
@click.option("--task", "--tasks", "-t", "tasks", multiple=True, metavar="NAME", help="Only these; comma-separated.")
@store_option
@json_option
def command(run: str, slices: bool, tasks: tuple[str, ...], store: str | None, json_file: Path | None) -> int:
    """Show the numbers of RUN: value, 95 % interval, n, clusters, failed.

    RUN is an id or its beginning, a tag, `latest`, `latest~1`, or a model's name (its newest finished run).
    """
    from harness.errors import UnknownName
    from harness.store import open_store

    opened = open_store(store, create=False)
    stored = opened.run(run)
    only = names(tasks)
    for name in only:
        if name not in {t.name for t in stored.tasks}:
            raise UnknownName(f"task of run {stored.id}", name, [t.name for t in stored.tasks])
    estimates = [e for e in opened.results(stored.id) if not only or e.task in only]
    if json_file:
        write_json(json_file, result_json(stored, estimates))
    for text in head(stored, opened.tags().get(stored.id, ())):
        click.echo(cut(text, 500))
    if estimates:
        results_table(stored, estimates, slices=slices)
        for text in training_lines(stored, estimates):
            click.echo(cut(text, 500))
    else:
        click.echo(f"no numbers: the run is {stored.status}")
    return 0


def head(run: "Run", tags: tuple[str, ...]) -> Iterator[str]:
    """Lines that say what was asked of whom, on which data."""
    from harness.answers.records import settings_to_json
    from harness.types import Settings

    imported = ", imported" if run.imported else ""
    if run.source:
        imported += f" from {run.source.get('file')} of {run.source.get('format')}"
    yield f"run       {run.id}  {run.status}{imported}" + (f": {run.message}" if run.message else "")
    if tags:
        yield f"tags      {', '.join(tags)}"
    yield f"model     {run.model}"
    if run.family:
        yield f"training  {run.family}" + (f", step {run.step:,}" if run.step is not None else "")
    if run.bundle:
        yield f"bundle    {run.bundle}"
    yield f"started   {run.started}" + (f", finished {run.finished}" if run.finished else "")
    usual = settings_to_json(Settings())
    own = [f"{name}={value}" for name, value in run.settings.items() if name not in usual or value != usual[name]]
    yield f"settings  {', '.join(own) or ('the defaults' if run.settings else '-')}"
    for key, value in run.fingerprint.items():
        yield f"  {key}: {' '.join(str(value).split())[:100]}"
    if run.energy:
        from harness.energy.costs import summary

        yield f"energy    {summary(run.energy)}"
    for name, reason in run.left_out.items():
        yield f"left out  {name}: {reason}"
    for task in run.tasks:
        asked = f"n {extent(run, task)}" + (f", {task.shots} shots" if task.shots else "")
        yield f"task      {task.name} v{task.version}: {asked}, data sha256 {task.data_sha256[:16] or '-'}"
        reported = [metric.name for metric in task.metrics if metric.reported]
        if reported:
            yield f"  reported by the file, without samples: {', '.join(reported)}"
