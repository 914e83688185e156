"""`harness list`: what there is to ask for, and what was already run."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import click

from harness.cli.options import data_option, json_option, mirror, store_option
from harness.cli.table import columns
from harness.errors import DataError
from harness.files import write_json
from harness.types import Dataset

KINDS = ("tasks", "models", "metrics", "runs")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@data_option
@store_option
@json_option
def command(kind: str, data: Path | None, store: str | None, json_file: Path | None) -> int:
    """List tasks, models, metrics or runs."""
    rows, notes = {"tasks": _tasks, "models": _models, "metrics": _metrics, "runs": _runs}[kind](data, store)
    if json_file:
        write_json(json_file, rows)
    for text in columns(rows, "none yet", widest=48):
        click.echo(text)
    for note in notes:
        click.echo(f"harness: {note}", err=True)
    return 0


Listing = tuple[list[dict[str, str]], list[str]]


def _tasks(data: Path | None, store: str | None) -> Listing:
    from harness.data import at_hand
    from harness.plugins import catalogue

    found, place = catalogue(), mirror(data)
    rows = [
        {
            "task": task.name,
            "version": str(task.version),
            "metrics": ", ".join(m.name for m in task.metrics),
            "rows": _rows(task.dataset, place),
            "shots": str(task.shots.count),
            "licence": task.card.licence,
            "data": "at hand" if all(at_hand(d, place) for d in task.dataset) else "to fetch",
        }
        for task in found.tasks.values()
    ]
    return rows, [f"plug-in {b.name} is broken: {b.reason}" for b in found.broken]


def _rows(datasets: Sequence[Dataset], place: Path | None) -> str:
    """How many rows the datasets have here; "-" where they are not in a file at hand."""
    from harness.data import find, find_sides

    try:
        found = [[find(d, place)] if find(d, place) else list(find_sides(d, place))[:1] for d in datasets]
    except DataError:
        return "-"
    return str(sum(count_rows(path) for (path,) in found if path)) if all(found) else "-"


@cache
def count_rows(path: Path) -> int:
    """Rows of a JSONL or Parquet file, without reading what is in them."""
    if path.suffix == ".parquet":
        from pyarrow.parquet import read_metadata

        return int(read_metadata(path).num_rows)
    return sum(bool(line.strip()) for line in path.read_bytes().split(b"\n"))


def _models(data: Path | None, store: str | None) -> Listing:
    from harness.plugins import models

    return [{"model": name, "what": what} for name, what in models().items()], []


def _metrics(data: Path | None, store: str | None) -> Listing:
    from harness.plugins import catalogue, metrics

    found, broken = metrics()
    used: dict[str, list[str]] = {}
    by_name = {m.name: m for task in catalogue().tasks.values() for m in task.metrics} | found
    for task in catalogue().tasks.values():
        for metric in task.metrics:
            used.setdefault(metric.name, []).append(task.name)
    rows = [
        {
            "metric": name,
            "better": f"near {m.ideal:g}" if m.better == "ideal" and m.ideal is not None else m.better,
            "interval": m.interval,
            "tasks": str(len(used.get(name, []))),
        }
        for name, m in sorted(by_name.items())
    ]
    return rows, [f"plug-in {b.name} is broken: {b.reason}" for b in broken]


def _runs(data: Path | None, store: str | None) -> Listing:
    from harness.cli.runs import run_rows
    from harness.store import open_store

    opened = open_store(store)
    return run_rows(opened, opened.runs()), []
