"""`harness export RUN --to FORM`: a run in the form of another tool."""

from pathlib import Path

import click

from harness.cli.options import store_option


@click.command("export")
@click.argument("run")
@click.option("--to", "form", required=True, metavar="FORM", help="See below, or a plug-in's.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder [export-RUN-FORM].")
@store_option
def command(run: str, form: str, out: Path | None, store: str | None) -> int:
    """Write RUN in the form of another tool; a second export changes nothing.

    \b
    csv          all numbers in one table
    eee          a record of Every Eval Ever with its samples
    hub          a model card with metadata for the Hugging Face Hub
    in-toto      the newest gate's verdict as a test result to be signed
    inspect      a log for each task, for `inspect view`
    mlflow       a run of MLflow at MLFLOW_TRACKING_URI, else in a new database
    otel         events of OpenTelemetry (OTLP JSON)
    tensorboard  a file of events, for `tensorboard --logdir`
    trackio      a database of Trackio, for `trackio show`
    wandb        an offline run of Weights & Biases, for `wandb sync`
    """
    from harness.api import export

    for path in export(run, form, out, store=store):
        click.echo(path)
    return 0
