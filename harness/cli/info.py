"""`harness info NAME`: a task, a metric or a group explained."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import data_option, json_option, mirror
from harness.files import write_json
from harness.visible import cut

if TYPE_CHECKING:
    from harness.discovery import MetricEntry, TaskSet
    from harness.plugins import Catalogue
    from harness.types import Metric, Task


@click.command("info")
@click.argument("name")
@data_option
@json_option
def command(name: str, data: Path | None, json_file: Path | None) -> int:
    """Explain NAME, which is a task, a group, a metric or a file of questions.

    Of a task: what it measures and what it does not, licence, metrics, and its first question as a model reads it.
    Of a metric: what it counts, which direction is good, its range, the tasks that have it.
    """
    from harness import discovery, plugins

    catalogue = plugins.catalogue()
    offered, _ = plugins.metrics()
    metrics = {entry.metric: entry for entry in discovery.metrics(catalogue, offered)}
    group = next((one for one in discovery.groups(catalogue) if one.name == name), None)
    if name in catalogue.tasks or (name not in metrics and group is None):
        page, lines = _task(_chosen(catalogue, name, metrics), catalogue, mirror(data))
    elif group:
        page, lines = asdict(group), _group(group)
    else:
        page, lines = asdict(metrics[name]), _metric(metrics[name], _first(catalogue, name) or offered[name], catalogue)
    if json_file:
        write_json(json_file, page)
    for text in lines:
        click.echo(cut(text, 20_000))
    return 0


def _chosen(catalogue: "Catalogue", name: str, metrics: dict[str, "MetricEntry"]) -> "Task":
    """The one task of a name, which may be a file. Raises UnknownName."""
    from harness.errors import UnknownName, UsageError
    from harness.plugins import select

    try:
        tasks = select(catalogue, [name])
    except UnknownName:
        raise UnknownName("task, group or metric", name, [*catalogue.tasks, *catalogue.groups, *metrics]) from None
    if len(tasks) > 1:
        raise UsageError(f"{name!r} means {len(tasks)} tasks; name one, such as {tasks[0].name}")
    return tasks[0]


def _task(task: "Task", catalogue: "Catalogue", data: Path | None) -> tuple[dict[str, Any], Iterator[str]]:
    from harness.discovery import entry, first_question, groups
    from harness.errors import HarnessError

    listed = entry(task, tuple(one.name for one in groups(catalogue) if task.name in one.tasks), data)
    try:
        question = first_question(task, data)
    except HarnessError as error:
        question = f"({error})"
    page = {**asdict(listed), "card": asdict(task.card), "first_question": question}
    return page, _task_lines(task, page)


def _task_lines(task: "Task", page: dict[str, Any]) -> Iterator[str]:
    from harness.metrics.glossary import meaning, properties

    card = task.card
    yield f"{task.name} v{task.version}"
    about = {
        "measures": card.measures, "limits": card.limits, "source": card.source, "licence": card.licence,
        "citation": card.citation, "tags": ", ".join(page["tags"]), "groups": ", ".join(page["groups"]),
        "data": f"at hand, {page['rows']:,} rows" if page["at_hand"] and page["rows"] is not None
        else "at hand" if page["at_hand"] else "to fetch",
        "shots": str(page["shots"]),
    }  # fmt: skip
    for name, text in about.items():
        if text:
            yield f"  {name:<9} {text}"
    yield "metrics"
    for metric in task.metrics:
        yield f"  {metric.name}: {meaning(metric.name, metric) or '-'} ({next(properties(metric))})"
    yield "first question"
    for line in page["first_question"].splitlines():
        yield f"  | {line}"


def _group(group: "TaskSet") -> Iterator[str]:
    average = "a run of all of them has its average" if group.average else "it has no average"
    yield f"{group.name}: a group of {len(group.tasks)} tasks; {average}"
    for task in group.tasks:
        yield f"  {task}"


def _metric(entry: "MetricEntry", metric: "Metric", catalogue: "Catalogue") -> Iterator[str]:
    from harness.metrics.glossary import properties

    yield f"{entry.metric}: {entry.meaning or 'not described'}"
    for text in properties(metric):
        yield f"  {text}"
    if metric.limits and metric.limits != entry.meaning:
        yield f"  note: {metric.limits}"
    tasks = [task.name for task in catalogue.tasks.values() if any(m.name == entry.metric for m in task.metrics)]
    yield f"  tasks ({len(tasks)}): {', '.join(tasks) or 'none; a task file may name it'}"


def _first(catalogue: "Catalogue", name: str) -> "Metric | None":
    return next((m for task in catalogue.tasks.values() for m in task.metrics if m.name == name), None)
