"""`harness runs`: list, remove, tag, hash, export and import runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.grouped import CommandGroup
from harness.cli.options import json_option, notice, store_option
from harness.cli.table import columns
from harness.files import write_json
from harness.visible import cut, line

if TYPE_CHECKING:
    from harness.store import Store
    from harness.types import Run


@click.group("runs", cls=CommandGroup)
def command() -> None:
    """List, remove, tag, hash, export and import runs."""


@command.command("list")
@click.option("--model", metavar="NAME", help="Only runs of this model.")
@click.option("--task", "--tasks", "-t", "task", metavar="NAME", help="Only runs with this task.")
@click.option("--status", type=click.Choice(["running", "finished", "failed", "interrupted"]), help="Only these.")
@click.option("--tag", metavar="NAME", help="Only the run with this tag.")
@click.option("--limit", type=click.IntRange(min=1), help="How many at most.")
@store_option
@json_option
def list_runs(  # one argument per option
    model: str | None,
    task: str | None,
    status: str | None,
    tag: str | None,
    limit: int | None,
    store: str | None,
    json_file: Path | None,
) -> int:
    """List runs, newest first."""
    from harness.store import open_store

    opened = open_store(store, create=False)
    rows = run_rows(opened, opened.runs(model=model, task=task, status=status, tag=tag, limit=limit))
    if json_file:
        write_json(json_file, rows)
    for text in columns(rows, "no runs fit"):
        click.echo(text)
    return 0


def run_rows(store: Store, runs: Iterable[Run]) -> list[dict[str, str]]:
    """What a list of runs tells of each."""
    tags = store.tags()
    return [
        {
            "run": run.id,
            "model": run.model,
            "status": run.status,
            "started": run.started,
            "tasks": ", ".join(task.name for task in run.tasks),
            "tags": ", ".join(tags.get(run.id, ())),
        }
        for run in runs
    ]


@command.command("rm")
@click.argument("runs", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Also remove baselines and runs that seem to be running.")
@store_option
def remove(runs: tuple[str, ...], force: bool, store: str | None) -> int:
    """Remove RUNS with their numbers and samples."""
    from harness.store import open_store

    opened = open_store(store, create=False)
    for run_id in [opened.run(name).id for name in runs]:  # an unknown one stops this before any is removed
        click.echo(f"removed {opened.rm(run_id, force=force).id}")
    return 0


@command.command("tag")
@click.argument("run")
@click.argument("tags", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Remove the tags from RUN.")
@store_option
def tag_run(run: str, tags: tuple[str, ...], remove: bool, store: str | None) -> int:
    """Tag RUN with TAGS; a tag names one run at a time."""
    from harness.errors import UnknownName
    from harness.store import open_store

    opened = open_store(store, create=False)
    run_id = opened.run(run).id
    if remove:
        has = opened.tags().get(run_id, ())
        for tag in tags:
            if tag not in has:
                raise UnknownName(f"tag of run {run_id}", tag, has)
            opened.untag(tag)
    else:
        for tag in tags:
            opened.tag(run_id, tag)
    click.echo(f"{line(run_id)}: {', '.join(opened.tags().get(run_id, ())) or 'no tags'}")
    return 0


@command.command("digest")
@click.argument("runs", nargs=-1, required=True)
@store_option
def digest_runs(runs: tuple[str, ...], store: str | None) -> int:
    """Print one sha256 of each of RUNS.

    It is over the run's record, its numbers and every stored answer; what audits kept with a run since has one of its
    own below. A report is signed with these lines; `harness runs digest RUN... | sha256sum` gives its seal.
    """
    from harness.store import open_store
    from harness.store.digest import lines, signature

    opened = open_store(store, create=False)
    for text in lines([signature(opened, run) for run in runs]):
        click.echo(cut(text))
    return 0


@command.command("export")
@click.argument("run")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@store_option
def export_run(run: str, file: Path | None, store: str | None) -> int:
    """Write RUN with its samples to one zip FILE [RUN.zip]."""
    from harness.store import open_store
    from harness.store.transfer import export

    opened = open_store(store, create=False)
    if file is None:
        file = Path(f"{opened.run(run).id}.zip")
        if file.exists():
            raise click.UsageError(f"{file} exists; name it as FILE to overwrite it")
    click.echo(f"{export(opened, run, file).id} -> {file}")
    return 0


@command.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@store_option
def import_files(files: tuple[Path, ...], store: str | None) -> int:
    """Import runs from exported FILES into the store."""
    from harness.api import import_run

    for file in files:
        run = import_run(file, store=store, notice=notice)
        click.echo(line(f"{file} -> {run.id}", 2_000))
    return 0
