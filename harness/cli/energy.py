"""`harness energy RUN...`: what runs have taken, with a user's factors for carbon dioxide and money."""

from pathlib import Path

import click

from harness.cli.options import json_option, store_option
from harness.files import write_json
from harness.visible import cut


@click.command("energy")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--rates", type=click.Path(path_type=Path), help="TOML file with [co2] and [price].")
@store_option
@json_option
def command(runs: tuple[str, ...], rates: Path | None, store: str | None, json_file: Path | None) -> int:
    """Show the energy of RUN...: joules per example, answered token and correct answer; with --rates CO2 and price.

    What was not measured is labelled so, and is null in JSON.
    """
    from dataclasses import asdict

    from harness.energy.costs import cost_table, costs
    from harness.energy.rates import read_rates
    from harness.store import open_store

    opened, factors = open_store(store, create=False), read_rates(rates) if rates else None
    written = []
    for run in (opened.run(name) for name in runs):
        run_costs = costs(run, factors)
        written.append({"run": run.id, "energy": None} if run_costs is None else asdict(run_costs))
        click.echo(cut(f"run {run.id}  {run.model}", 500))
        for what, amount in cost_table(run, factors):
            click.echo(cut(f"  {what:<18} {amount}", 500))
    if json_file:
        write_json(json_file, written[0] if len(written) == 1 else written)
    return 0
