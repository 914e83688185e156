"""`harness new-task NAME`: files to begin a task of one's own with."""

import shlex
from pathlib import Path

import click


@click.command("new-task")
@click.argument("name")
@click.option("--in", "folder", type=click.Path(path_type=Path), metavar="DIR", help="The new folder [./NAME].")
@click.option("--package", is_flag=True, help="A Python package whose entry point makes every command know the task.")
def command(name: str, folder: Path | None, package: bool) -> int:
    """Write the task NAME into a new folder, with four questions and a test that passes.

    \b
    harness new-task capitals
    harness new-task capitals --package --in plugin
    """
    from harness.scaffold import new_task

    folder = folder or Path(name)
    first, *others = new_task(name, folder, package=package)
    for path in (first, *others):
        click.echo(path)
    place = shlex.quote(str(folder))
    if package:
        click.echo(f"next: pip install --editable {place}; harness run scripted:oracle --tasks {name}; pytest {place}")
    else:
        click.echo(f"next: harness run scripted:oracle --tasks {shlex.quote(str(first))}; pytest {place}")
    return 0
