"""`harness export RUN --to FORM`: a run in the form of another tool."""

from pathlib import Path

import click

from harness.cli.options import store_option


@click.command("export")
@click.argument("run")
@click.option("--to", "form", required=True, metavar="FORM", help="csv, eee, hub, in-toto, or a plug-in's.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder [export-RUN-FORM].")
@store_option
def command(run: str, form: str, out: Path | None, store: str | None) -> int:
    """Write RUN as plain files in the form of another tool; a second export changes nothing.

    \b
    csv      all numbers in one table
    eee      a record of Every Eval Ever with its samples
    hub      a model card with metadata for the Hugging Face Hub
    in-toto  the newest gate's verdict as a test result to be signed
    """
    from harness.api import export

    for path in export(run, form, out, store=store):
        click.echo(path)
    return 0
