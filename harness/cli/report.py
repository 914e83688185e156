"""`harness report RUN`: a report of a run, by a writer that an entry point names."""

from pathlib import Path

import click

from harness.cli.options import store_option
from harness.files import write_text


@click.command("report")
@click.argument("run")
@click.option("--baseline", metavar="RUN", help="Also show this run's numbers where both were asked the same.")
@click.option("--format", "--card", "name", default="html", show_default=True, help="html, md, card, bias or json.")
@click.option("--out", type=click.Path(path_type=Path), help="File, or folder for card and bias [report-RUN.FORMAT].")
@store_option
def command(run: str, baseline: str | None, name: str, out: Path | None, store: str | None) -> int:
    """Write a report of RUN: every number with its n, interval, task version, data hash and run id."""
    from harness.api import report
    from harness.store import open_store

    text = report(run, name, baseline=baseline, store=store)
    suffix = "" if isinstance(text, dict) else f".{name}"
    target = out or Path(f"report-{open_store(store, create=False).run(run).id}{suffix}")
    files = {target / path: part for path, part in text.items()} if isinstance(text, dict) else {target: text}
    for path, part in files.items():
        write_text(path, part)
        click.echo(path)
    return 0
