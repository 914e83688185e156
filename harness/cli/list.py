"""`harness list`: what there is to ask for, and what was already run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import click

from harness.cli.options import data_option, json_option, mirror, notice, store_option
from harness.cli.table import columns
from harness.files import write_json

KINDS = ("tasks", "groups", "tags", "metrics", "models", "runs")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("pattern", required=False)
@click.option("--tag", metavar="NAME", help="Tasks with this tag, or the run that has it.")
@click.option("--group", metavar="NAME", help="Tasks of this group.")
@click.option("--search", metavar="TEXT", help="Tasks with TEXT in their name, card, tags or metrics.")
@click.option("--at-hand", is_flag=True, help="Tasks whose data is here.")
@data_option
@store_option
@json_option
def command(
    kind: str, pattern: str | None, data: Path | None, store: str | None, json_file: Path | None, **which: Any
) -> int:
    """List tasks, groups, tags, metrics, models or runs; of tasks only those whose names fit PATTERN.

    Of the many tasks of lm-evaluation-harness the list says whether each can run here, and if not why.

    \b
    harness list tasks --tag bias --at-hand
    harness list tasks 'lm-eval:mmlu*'
    harness list tasks --search translation
    harness info TASK
    """
    idle = next((name for name, value in which.items() if value and kind != "tasks"), None)
    if idle and (kind, idle) != ("runs", "tag"):
        raise click.UsageError(f"--{idle.replace('_', '-')} belongs to `harness list tasks`")
    if pattern is not None and kind != "tasks":
        raise click.UsageError("a PATTERN belongs to `harness list tasks`")
    notes: list[str] = []
    members = _members(pattern, data, which) if pattern else None
    rows: Rows
    if members is not None:
        rows = members
    elif kind == "runs":
        rows = _runs(store, which["tag"])
    elif kind == "models":
        rows = _models()
    else:
        rows, notes = _installed(kind, data, {**which, "pattern": pattern})
    if json_file:
        write_json(json_file, rows)
    click.echo("\n".join(columns([_cells(row) for row in rows], "none fit" if any(which.values()) else "none yet")))
    for note in notes:
        notice(note)
    return 0


Rows = Sequence[Mapping[str, Any]]


def _members(pattern: str, data: Path | None, which: Mapping[str, Any]) -> Rows | None:
    """The members of a family that lists them; None where the pattern means none."""
    from harness import plugins

    members = plugins.members(pattern, mirror(data))
    if members is None:
        return None
    if which["tag"] or which["group"]:
        raise click.UsageError(
            f"--tag and --group do not apply to {pattern}: tags and groups are listed by their names"
        )
    search = (which["search"] or "").casefold()
    names = [field.name for field in fields(plugins.FamilyMember)]
    return [
        {name: getattr(m, name) for name in names}  # of fourteen thousand: ten times as fast as asdict
        for m in members
        if search in m.task.casefold() and (m.runs or not which["at_hand"])
    ]


def _installed(kind: str, data: Path | None, which: Mapping[str, Any]) -> tuple[Rows, list[str]]:
    """What plug-ins offer, and which of them are broken."""
    from harness import discovery, plugins

    catalogue = plugins.catalogue()
    entries: Sequence[Any]
    broken = catalogue.broken
    if kind == "tasks":
        entries = discovery.tasks(catalogue, mirror(data), discovery.TaskFilter(**which))
    elif kind == "metrics":
        offered, broken = plugins.metrics()
        entries = discovery.metrics(catalogue, offered)
    else:
        entries = discovery.groups(catalogue) if kind == "groups" else discovery.tags(catalogue)
    return [asdict(entry) for entry in entries], [f"plug-in {b.name} is broken: {b.reason}" for b in broken]


def _models() -> Rows:
    from harness.plugins import models

    return [{"model": name, "what": what} for name, what in models().items()]


def _runs(store: str | None, tag: str | None) -> Rows:
    from harness.cli.runs import run_rows
    from harness.store import open_store

    opened = open_store(store, create=False)
    return run_rows(opened, opened.runs(tag=tag))


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    """A row in words: lists with commas, "-" for what is not known."""
    return {name: _cell(value) for name, value in row.items()}


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
