"""`harness merge`: the shards of a job array made one run."""

from pathlib import Path

import click

from harness.cli.options import (
    data_option,
    json_option,
    mirror,
    names,
    notice,
    quiet_option,
    samples_option,
    store_option,
    typed,
)
from harness.files import write_json


@click.command("merge")
@click.argument("shards", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[FILE|FOLDER]...")
@click.option(
    "--tasks",
    "--task",
    "-t",
    "tasks",
    help="Tasks of the run, for shards from outside the store, which may not name them.",
)
@click.option("--allow-code-execution", is_flag=True, help="Run code that the model writes, in a sandbox.")
@data_option
@store_option
@samples_option
@json_option
@quiet_option
def command(
    shards: tuple[Path, ...],
    tasks: str | None,
    allow_code_execution: bool,
    data: Path | None,
    store: str | None,
    samples_at: str | None,
    json_file: Path | None,
    quiet: bool,
) -> int:
    """Merge the answers of `harness run --shard` into one run; no model is needed.

    Without FILE or FOLDER, all shards in the store are merged.

    \b
    harness run smollm2 --tasks mmlu --shard 1/2
    harness run smollm2 --tasks mmlu --shard 2/2
    harness merge
    """
    from harness.api import Listener, Where, merge
    from harness.cli.table import result_json, results_table

    where = Where(
        store=store,
        samples=samples_at,
        data=mirror(data),
        command=typed(),
        allow_code_execution=allow_code_execution,
    )
    wanted = names((tasks,)) if tasks else ()
    result = merge(shards, wanted, where=where, listener=Listener(notice=notice))
    if json_file:
        write_json(json_file, result_json(result.run, result.estimates))
    if not quiet:
        results_table(result.run, result.estimates)
    return 0
