"""`harness runs`: list, remove, tag, export and import runs."""

from pathlib import Path

import click

from harness.cli.options import json_option, store_option
from harness.files import write_json
from harness.visible import line


@click.group("runs")
def command() -> None:
    """List, remove, tag, export and import runs."""


@command.command("list")
@click.option("--model", metavar="NAME", help="Only runs of this model.")
@click.option("--task", metavar="NAME", help="Only runs with this task.")
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
    tags = opened.tags()
    rows = [
        {
            "run": run.id,
            "model": run.model,
            "status": run.status,
            "started": run.started,
            "tasks": ", ".join(t.name for t in run.tasks),
            "tags": ", ".join(tags.get(run.id, ())),
        }
        for run in opened.runs(model=model, task=task, status=status, tag=tag, limit=limit)
    ]
    if json_file:
        write_json(json_file, rows)
    _print(rows)
    return 0


@command.command("rm")
@click.argument("runs", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Also a baseline, or a run that seems to be running.")
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
@click.option("--remove", is_flag=True, help="Take the tags away from RUN.")
@store_option
def tag_run(run: str, tags: tuple[str, ...], remove: bool, store: str | None) -> int:
    """Point TAGS to RUN; a tag points to one run at a time."""
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
            raise click.UsageError(f"there is {file} already; give a FILE to be written over")
    click.echo(f"{export(opened, run, file).id} -> {file}")
    return 0


@command.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@store_option
def import_files(files: tuple[Path, ...], store: str | None) -> int:
    """Take runs out of exported FILES into the store."""
    from harness.api import import_run

    for file in files:
        found = import_run(file, store=store, notice=lambda text: click.echo(f"harness: {text}", err=True))
        click.echo(f"{file} -> {found.id}")
    return 0


def _print(rows: list[dict[str, str]]) -> None:
    """Columns as wide as their content: plain text that can be grepped."""
    if not rows:
        click.echo("no runs fit")
        return
    names = list(rows[0])
    widths = [max(len(name), *(len(line(row[name])) for row in rows)) for name in names]
    for row in [dict(zip(names, names, strict=True)), *({k: line(v) for k, v in row.items()} for row in rows)]:
        cells = (row[name].ljust(width) for name, width in zip(names, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
