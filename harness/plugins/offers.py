"""The tasks, groups and metrics that packages offer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points

from harness.errors import UsageError
from harness.metrics.measures import Measure
from harness.plugins.entries import Broken, label, load_entry
from harness.types import Group, Metric, Task


@dataclass(slots=True)
class Catalogue:
    """All tasks that can be asked for by name."""

    tasks: dict[str, Task] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    averages: dict[str, Group] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)


def catalogue() -> Catalogue:
    """Load every task plug-in; a broken one is listed with its reason and stops only its own tasks."""
    entries = Catalogue()
    for point in entry_points(group="harness.tasks"):
        try:
            tasks = as_tasks(load_entry(point))
            doubled = [task.name for task in tasks if task.name in entries.tasks]
            if doubled:
                raise UsageError(f"task {doubled[0]!r} is already provided by {entries.origin[doubled[0]]}")
        except Exception as error:
            entries.broken.append(Broken.of(point, error))
            continue
        entries.tasks.update({task.name: task for task in tasks})
        entries.origin.update(dict.fromkeys((task.name for task in tasks), label(point)))
    for point in entry_points(group="harness.groups"):
        try:
            groups = load_entry(point)
            if not isinstance(groups, Mapping):
                raise TypeError(f"a group plug-in is a mapping of name to task patterns, not {type(groups).__name__}")
            entries.averages.update({name: group for name, group in groups.items() if isinstance(group, Group)})
            entries.groups.update({n: tuple(g.tasks if isinstance(g, Group) else g) for n, g in groups.items()})
        except Exception as error:
            entries.broken.append(Broken.of(point, error))
    return entries


def installed_metrics(names: Iterable[str]) -> dict[str, dict[str, Metric]]:
    """Metrics of the installed tasks among these, by task and name."""
    known = catalogue().tasks
    return {name: {metric.name: metric for metric in known[name].metrics} for name in names if name in known}


def about_bias() -> set[str]:
    """Names of the installed tasks on bias or toxicity: all of their numbers belong on a bias card."""
    return {name for name, task in catalogue().tasks.items() if task.tags & {"bias", "toxicity"}}


def about_safety() -> set[str]:
    """Names of the installed tasks on what a model may do to people: bias and toxicity, harm, attacks, false claims."""
    tags = {"bias", "toxicity", "safety", "scored refusals", "injection", "truth", "factuality"}
    return {name for name, task in catalogue().tasks.items() if task.tags & tags}


def metrics() -> tuple[dict[str, Metric], list[Broken]]:
    """Metrics that plug-ins offer, by name, and the broken ones."""
    offered: dict[str, Metric] = {}
    broken = []
    for point in entry_points(group="harness.metrics"):
        try:
            metric = load_entry(point)()
            metric = metric.metric if isinstance(metric, Measure) else metric
            if not isinstance(metric, Metric):
                raise TypeError(f"a metric plug-in returns a Measure or a Metric, not {type(metric).__name__}")
            offered[point.name] = metric
        except Exception as error:
            broken.append(Broken.of(point, error))
    return offered, broken


def as_tasks(loaded: object) -> list[Task]:
    """What a task plug-in names: a Task, several, or a function that returns them. Raises TypeError for the rest."""
    result = loaded() if callable(loaded) else loaded
    if not isinstance(result, Task | Iterable):
        raise TypeError(f"a task plug-in gives Task records, not {type(result).__name__}")
    tasks: Sequence[object] = [result] if isinstance(result, Task) else list(result)
    wrong = next((task for task in tasks if not isinstance(task, Task)), None)
    if wrong is not None:
        raise TypeError(f"a task plug-in gives Task records, not {type(wrong).__name__}")
    return [task for task in tasks if isinstance(task, Task)]
