"""Two runs compared by ``harness.differences``, task by task, so that one that cannot be compared says why."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness import plugins
from harness.differences import Difference, Flip, compare, corrected
from harness.errors import HarnessError
from harness.store import Store
from harness_dashboard.widgets.text import CELL, cut

BUDGET = 2_500
"""Examples of a run that are compared without being asked for."""

FLIPS = 200
"""The most flipped examples that travel to a browser at once."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences per task, metric and slice; flipped examples; and by task why it is not compared."""

    numbers: pd.DataFrame
    flips: pd.DataFrame
    refused: dict[str, str]
    flipped: int


def common(store: Store, first: str, second: str) -> list[str]:
    """Names of the tasks that both runs have, in the first one's order."""
    theirs = {task.name for task in store.run(second).tasks}
    return [task.name for task in store.run(first).tasks if task.name in theirs]


def affordable(store: Store, first: str, second: str) -> list[str]:
    """The first of the common tasks that hold at most BUDGET examples together, at least one."""
    sizes = {artifact.task: artifact.rows for artifact in store.artifacts(first)}
    kept: list[str] = []
    for task in common(store, first, second):
        if not kept or sum(sizes.get(name, 0) for name in [*kept, task]) <= BUDGET:
            kept.append(task)
    return kept


def between(store: Store, first: str, second: str, tasks: Sequence[str], intersect: bool, slices: bool) -> Comparison:
    """``second - first`` on these tasks; p by Holm over all rows of all of them."""
    known = plugins.installed_metrics(tasks)
    rows: list[Difference] = []
    flips: list[Flip] = []
    refused = {}
    for task in tasks:
        try:
            compared = compare(store, first, second, known, tasks=[task], intersect=intersect, slices=slices)
        except HarnessError as error:
            refused[task] = str(error)
            continue
        rows += compared[0]
        flips += compared[1]
    table = pd.DataFrame([_row(row) for row in corrected(rows)])
    flipped = pd.DataFrame([_flip(flip) for flip in most_changed(flips)])
    return Comparison(table, flipped, refused, len(flips))


def most_changed(flips: Sequence[Flip], most: int = FLIPS) -> list[Flip]:
    """At most so many, the largest change of log-probability first; no task is crowded out by others."""
    share = most // max(1, len({flip.task for flip in flips}))
    before: Counter[str] = Counter()
    ranked = []
    for flip in sorted(flips, key=lambda flip: -abs(flip.change or 0.0)):
        ranked.append((before[flip.task] >= share, flip))
        before[flip.task] += 1
    kept = [flip for _, flip in sorted(ranked, key=lambda pair: pair[0])[:most]]
    return sorted(kept, key=lambda flip: -abs(flip.change or 0.0))


def matrix(numbers: pd.DataFrame) -> pd.DataFrame:
    """Per task over all examples that are right or wrong: in how many runs they are right.

    An example is right or wrong by what its task is about, so a task has one row, whatever else it measures.
    """
    cells = ["both right", "fixed", "broken", "both wrong"]
    rows = numbers[(numbers["slice"] == "all") & (numbers[cells].sum(axis=1) > 0)].drop_duplicates("task")
    return rows[["task", *cells]].reset_index(drop=True)


def in_words(matrix: pd.DataFrame, most: int = 20) -> list[str]:
    """The matrix as sentences, one for each task."""
    return [
        f"{task}: of {right + fixed + broken + wrong:,} examples {fixed:,} were fixed and {broken:,} broken; "
        f"{right:,} are right in both runs, {wrong:,} wrong in both."
        for task, right, fixed, broken, wrong in matrix.head(most).itertuples(index=False, name=None)
    ]


def _row(row: Difference) -> dict[str, Any]:
    p = row.paired
    return {
        "task": row.task, "metric": row.metric, "slice": row.slice, "baseline": p.first, "candidate": p.second,
        "difference": p.difference, "low": p.low, "high": p.high, "p": p.p, "p (Holm)": row.adjusted,
        "verdict": _verdict(row), "detectable": row.detectable, "both right": row.right, "fixed": row.fixed,
        "broken": row.broken, "both wrong": row.wrong, "n": p.n, "clusters": p.clusters, "dropped": row.dropped,
        "reworded": row.reworded, "test": p.test,
    }  # fmt: skip


def _verdict(row: Difference) -> str:
    """In words, at 5 % after Holm: "better", "worse" or "no difference shown"."""
    p = row.paired
    if row.adjusted is None or row.adjusted >= 0.05:
        return "no difference shown"
    if row.better == "ideal" and row.ideal is not None:
        return "nearer the ideal" if abs(p.second - row.ideal) < abs(p.first - row.ideal) else "farther from the ideal"
    return "better" if (p.difference > 0) == (row.better == "higher") else "worse"


def _flip(flip: Flip) -> dict[str, Any]:
    return {
        "task": flip.task,
        "example": flip.example,
        "what": "fixed" if flip.fixed else "broken",
        "before": cut(flip.before, CELL),
        "after": cut(flip.after, CELL),
        "change of logprob": flip.change,
    }
