"""`harness rescore RUN`: judge the stored answers anew after a metric or a judge changed; no model is needed."""

from pathlib import Path

import click

from harness.cli.options import json_option, quiet_option, store_option, typed
from harness.files import write_json


@click.command("rescore")
@click.argument("run")
@click.option("--scorer", help="Scores texts where a task needs it [the run's own, unless the run was imported].")
@store_option
@json_option
@quiet_option
def command(run: str, scorer: str | None, store: str | None, json_file: Path | None, quiet: bool) -> int:
    """Score the stored answers of RUN again with the installed tasks, and store the result as a new run."""
    from harness.api import rescore
    from harness.cli.table import result_json, results_table

    result = rescore(run, store=store, scorer=scorer, command=typed())
    if json_file:
        write_json(json_file, result_json(result.run, result.estimates))
    if not quiet:
        results_table(result.run, result.estimates)
    return 0
