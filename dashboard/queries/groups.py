"""Tasks by what they have in common: a group or tag of the installed tasks, or the part of a name before "/"."""

from collections import defaultdict
from contextlib import suppress

from harness import plugins
from harness.errors import UsageError
from harness.store import Store
from harness_dashboard.queries import runs


def groups(store: Store) -> dict[str, tuple[str, ...]]:
    """Name of a group -> the tasks of the store that are in it, and its own name, under which its average stands."""
    stored = sorted({task for task, _ in runs.measured(store)})
    catalogue = plugins.catalogue()
    names: dict[str, set[str]] = defaultdict(set)
    for task in stored:
        if "/" in task:
            names[task.partition("/")[0]].add(task)
        for tag in catalogue.tasks[task].tags if task in catalogue.tasks else ():
            names[tag].add(task)
    for group in catalogue.groups:
        with suppress(UsageError):  # a pattern of tasks that are not installed
            names[group] |= {task.name for task in plugins.select(catalogue, [group])} & set(stored)
    return {name: (*sorted(names[name]), name) for name in sorted(names) if names[name]}
