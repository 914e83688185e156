"""`harness samples RUN TASK`: the questions of a run and what came back."""

import json
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import click

from harness.cli.options import json_option, store_option
from harness.files import write_json

if TYPE_CHECKING:
    import pandas as pd


class SampleOptions(TypedDict):
    """The options of ``harness samples``."""

    where: str | None
    sort: str | None
    limit: int
    offset: int
    columns: str | None
    store: str | None
    json_file: Path | None


SHOWN = ("example_id", "correct", "prediction", "target", "failure_kind", "prompt")


@click.command("samples")
@click.argument("run")
@click.argument("task")
@click.option("--where", metavar="SQL", help='Condition, such as "correct = false and value.acc_norm > 0".')
@click.option("--sort", metavar="SQL", help='Ordering, such as "value.acc desc, example_id".')
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most.")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="How many to skip first.")
@click.option("--columns", metavar="A,B", help=f"Columns to print [{','.join(SHOWN)} and values].")
@store_option
@json_option
def command(run: str, task: str, **options: Unpack[SampleOptions]) -> int:
    """Show samples of TASK in RUN that match a condition. --json writes all their columns."""
    from harness.store import open_store

    columns, json_file = options["columns"], options["json_file"]
    selected = [name.strip() for name in columns.split(",")] if columns else None
    frame = open_store(options["store"], create=False).samples(
        run,
        task,
        options["where"],
        options["sort"],
        options["limit"],
        options["offset"],
        None if json_file else selected,
    )
    if json_file:
        write_json(json_file, records(frame))
    names = [str(name) for name in frame.columns]
    _print(frame, selected or [name for name in names if name in SHOWN or name.startswith("value.")])
    return 0


def records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Samples as JSON: a missing value is null."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def _print(frame: "pd.DataFrame", columns: list[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    from harness.cli.table import wide_console

    if frame.empty:
        click.echo("no samples match")
        return
    table = Table(*columns, caption=f"{len(frame)} samples", caption_justify="left")
    for row in frame[columns].itertuples(index=False):
        table.add_row(*(Text(_cell(value)) for value in row))  # Text: a "[" of a sample is no markup
    wide_console().print(table)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    value = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
    text = " ".join("".join(c if c.isprintable() or c.isspace() else "·" for c in str(value)).split())
    return text if len(text) <= 200 else text[:199] + "…"
