"""The leaderboard as pages of a table, and the groups of tasks to filter it by."""

from collections import defaultdict
from contextlib import suppress

import pandas as pd

from harness import plugins
from harness.errors import UsageError
from harness.store import Store
from harness.store.frames import standings_frame
from harness.store.queries import leaderboard
from harness.store.queries.leaderboard import LeaderboardFilter
from harness.store.queries.tasks import measured
from harness_dashboard.widgets.text import short

PAGE = 200
"""The most rows that travel to a browser at once."""


def page(store: Store, wanted: LeaderboardFilter, number: int = 0, size: int = PAGE) -> tuple[pd.DataFrame, int]:
    """Page ``number`` (from 0) of the leaderboard and how many rows there are in all."""
    standings, total = leaderboard.page(store, wanted, limit=size, offset=max(number, 0) * size)
    frame = standings_frame(standings)
    return frame.assign(model=frame["model"].map(short)), total


def everything(store: Store, wanted: LeaderboardFilter) -> pd.DataFrame:
    """All pages in one frame, for a download."""
    frame = standings_frame(leaderboard.page(store, wanted)[0])
    return frame.assign(model=frame["model"].map(short))


def groups(store: Store) -> dict[str, tuple[str, ...]]:
    """Name of a group -> the tasks of the store that are in it, and its own name, under which its average stands.

    A group is a group or tag of the installed tasks, or the part of a name before "/".
    """
    stored = sorted({task for task, _ in measured(store)})
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
