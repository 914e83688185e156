"""`harness report RUN`: a report of a run, by a writer that an entry point names."""

from pathlib import Path

import click

from harness.cli.options import store_option
from harness.errors import UnknownName
from harness.files import write_text


@click.command("report")
@click.argument("run")
@click.option("--baseline", metavar="RUN", help="Also show the numbers of this run where it was asked the same.")
@click.option("--format", "--card", "name", default="html", show_default=True, help="html, md, card, bias or json.")
@click.option("--out", type=click.Path(path_type=Path), help="File, or folder for card and bias [report-RUN.FORMAT].")
@store_option
def command(run: str, baseline: str | None, name: str, out: Path | None, store: str | None) -> int:
    """Write a report of RUN: every number with its n, interval, task version, data hash and run id."""
    from importlib.metadata import entry_points

    from harness.store import open_store

    writers = {key: writer for point in entry_points(group="harness.reports") for key, writer in point.load().items()}
    if name not in writers:
        raise UnknownName("report format", name, writers)
    opened = open_store(store, create=False)
    written = writers[name](opened, run, baseline)
    target = out or Path(f"report-{opened.run(run).id}{'' if isinstance(written, dict) else f'.{name}'}")
    parts = {target / path: text for path, text in written.items()} if isinstance(written, dict) else {target: written}
    for path, text in parts.items():
        write_text(path, text)
        click.echo(path)
    return 0
