"""Two runs compared by ``harness.differences``, task by task, so that one that cannot be compared says why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness import plugins
from harness.api.sentence import Direction, direction
from harness.differences import Difference, Flip, compare, corrected
from harness.errors import HarnessError
from harness.marks import WORDS, signed
from harness.metrics import words
from harness.store import Store
from harness.subset import of_reasons
from harness.types import Estimate, MetricRecord, Run, TaskRecord
from harness_dashboard.widgets.text import CELL, cut

BUDGET = 2_500
"""Examples of a run that are compared without being asked for."""

FLIPS = 200
"""The most flipped examples that travel to a browser at once."""

Records = Mapping[tuple[str, str], MetricRecord]
"""What is kept of metrics, by task and name."""

ORDER: tuple[Direction, ...] = ("worse", "changed", "better", "unclear", "untested", "same")
"""Worst first."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences, flipped examples (the most changed ones), and by task why it is not compared."""

    rows: Sequence[Difference]
    flips: pd.DataFrame
    refused: Mapping[str, str]
    flipped: int


@dataclass(frozen=True, slots=True)
class TaskChange:
    """What became of a task's main metric: by a paired test, else by the two intervals alone (``paired`` is None)."""

    task: str
    meaning: Direction
    before: Estimate
    after: Estimate
    record: MetricRecord
    paired: Difference | None
    why: str = ""


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


def between(
    store: Store, first: str, second: str, tasks: Sequence[str], intersect: bool, slices: bool, flips: bool = True
) -> Comparison:
    """``second - first`` on these tasks; p by Holm over all rows of all of them. ``flips``: find single answers too."""
    known = plugins.installed_metrics(tasks)
    rows: list[Difference] = []
    found: list[Flip] = []
    refused = {}
    lost = without_samples(store, first, second, tasks)
    for task in tasks:
        if task in lost:
            refused[task] = lost[task]
            continue
        try:
            compared = compare(
                store, first, second, known, tasks=[task], intersect=intersect, slices=slices, flips=flips
            )
        except HarnessError as error:
            refused[task] = str(error)
            continue
        rows += compared[0]
        found += compared[1]
    flipped = pd.DataFrame([_flip(flip) for flip in most_changed(found)])
    records = store.run(second).metrics()
    return Comparison(sorted(corrected(rows), key=lambda row: _badness(row, records)), flipped, refused, len(found))


def without_samples(store: Store, first: str, second: str, tasks: Sequence[str]) -> dict[str, str]:
    """Tasks that cannot be compared example by example since a run kept none, and which run that is."""
    kept = {"baseline": store.artifacts(first), "run": store.artifacts(second)}
    have = {name: {artifact.task for artifact in artifacts} for name, artifacts in kept.items()}
    lost = {task: [name for name, own in have.items() if task not in own] for task in tasks}
    return {task: f"no samples are kept of the {' and of the '.join(of)}" for task, of in lost.items() if of}


def by_reason(refused: Mapping[str, str]) -> list[str]:
    """Why tasks are not compared: a line for each reason, then the tasks that it is true of."""
    return [f"{why}: {', '.join(tasks)}" for why, tasks in of_reasons(refused).items()]


def _badness(row: Difference, records: Records) -> tuple[int, float]:
    """The worst first, by the size of the difference in the unit that it is told in."""
    unit = words.factor(records.get((row.task, row.metric)))[0]
    return ORDER.index(direction(row)), -abs(unit * row.paired.difference)


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


def _flip(flip: Flip) -> dict[str, Any]:
    return {
        "task": flip.task,
        "example": flip.example,
        "what": "fixed" if flip.fixed else "broken",
        "before": cut(flip.before, CELL),
        "after": cut(flip.after, CELL),
        "change of logprob": flip.change,
    }


# ------------------------------------------------------------------------------------------------------ main metrics
def changes(store: Store, first: str, second: str) -> list[TaskChange]:
    """Every task of both runs, worst first: example by example as far as that is affordable, else by intervals."""
    compared = between(store, first, second, affordable(store, first, second), False, False, flips=False)
    paired = {(row.task, row.metric): row for row in compared.rows if row.slice == "all"}
    ours, theirs = store.run(first), store.run(second)
    before, after = ({(e.task, e.metric): e for e in store.results(run) if e.slice == "all"} for run in (first, second))
    old = {task.name: task for task in ours.tasks}
    told, lost = [], without_samples(store, first, second, [task.name for task in theirs.tasks])
    for task in theirs.tasks:
        record = next((metric for metric in task.metrics if metric.is_headline), None)
        key = (task.name, record.name if record else "")
        if record is None or key not in before or key not in after:
            continue
        row = paired.get(key)
        meaning, why = (direction(row), "") if row else by_intervals(old[task.name], task, before[key], after[key])
        if task.name in compared.refused and task.name not in lost:
            meaning, why = "untested", compared.refused[task.name]
        elif task.name in lost:
            why = why or f"intervals alone: {lost[task.name]}"
        told.append(TaskChange(task.name, meaning, before[key], after[key], record, row, why))
    return sorted(told, key=lambda one: (ORDER.index(one.meaning), -abs(_shown(one))))


def _shown(one: TaskChange) -> float:
    """A task's difference in the unit that it is told in: points of a share, or of a score up to 100."""
    return words.factor(one.record)[0] * (difference_of(one) or 0.0)


def by_intervals(old: TaskRecord, new: TaskRecord, before: Estimate, after: Estimate) -> tuple[Direction, str]:
    """What the intervals say where both runs were asked the same; else "untested", and what was not the same."""
    names = ("version", "data", "few-shot examples", "scorer", "metrics")
    asked = [(task.version, task.data_sha256, task.shots, task.scorer, task.metrics) for task in (old, new)]
    differs = [name for name, one, two in zip(names, *asked, strict=True) if one != two]
    if not differs and (old.n, old.fingerprint) != (new.n, new.fingerprint):  # which holds version and shots too
        differs = ["choice of examples"]
    if differs:
        return "untested", f"not asked the same: {', '.join(differs)}"
    return apart(before, after, next(metric for metric in new.metrics if metric.name == after.metric)), ""


def apart(before: Estimate, after: Estimate, record: MetricRecord) -> Direction:
    """Better or worse where two intervals do not meet: less than a paired test shows, but without Holm's correction."""
    if before.low is None or before.high is None or after.low is None or after.high is None:
        return "untested"
    if record.better == "ideal" or (after.low <= before.high and before.low <= after.high):
        return "unclear"
    return "better" if (after.low > before.high) == (record.better == "higher") else "worse"


def difference_of(one: TaskChange) -> float | None:
    """The difference of a task's main metric: paired, else of the two values."""
    if one.paired:
        return one.paired.paired.difference
    return None if one.after.value is None or one.before.value is None else one.after.value - one.before.value


def changes_table(told: Sequence[TaskChange]) -> pd.DataFrame:
    """The changes in words, one row a task: ``n`` is of the pairs that were tested, else of the run; its failures."""
    rows = []
    for one in told:
        p, record = one.paired.paired if one.paired else None, one.record
        rows.append(
            {
                "verdict": signed(one.meaning),
                "task": one.task,
                "metric": words.plain_name(record.name),
                "baseline": words.short(one.before.value, one.before.low, one.before.high, record),
                "now": words.short(one.after.value, one.after.low, one.after.high, record),
                "change": words.points(difference_of(one), record, signed=True),
                "95 % interval": words.span(p.low, p.high, record) if p else "-",
                "broken": one.paired.broken if one.paired else None,
                "fixed": one.paired.fixed if one.paired else None,
                "n": p.n if p else one.after.n,
                "failed": one.after.failed,
                "how": "paired test" if p else one.why or "intervals alone",
            }
        )
    columns = [
        "verdict", "task", "metric", "baseline", "now", "change", "95 % interval", "broken", "fixed", "n", "failed",
        "how",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).astype({"broken": "Int64", "fixed": "Int64"})


# ------------------------------------------------------------------------------------------------------------ tables
def numbers(
    rows: Sequence[Difference], records: Mapping[tuple[str, str], MetricRecord], *, every: bool
) -> pd.DataFrame:
    """The differences in words, worst first; without ``every`` those of each task's headline metrics alone."""
    kept = [row for row in rows if every or row.family in ("score", "scorer")]
    return pd.DataFrame([_row(row, records.get((row.task, row.metric))) for row in kept])


def _row(row: Difference, record: MetricRecord | None) -> dict[str, Any]:
    p = row.paired
    return {
        "verdict": signed(direction(row)),
        "task": row.task, "metric": words.plain_name(row.metric), "slice": row.slice,
        "baseline": words.brief(p.first, record), "candidate": words.brief(p.second, record),
        "change": words.points(p.difference, record, signed=True), "95 % interval": words.span(p.low, p.high, record),
        "p (Holm)": words.p_value(row.adjusted), "detectable": words.points(row.detectable, record),
        "broken": row.broken, "fixed": row.fixed, "both right": row.right, "both wrong": row.wrong,
        "n": p.n, "clusters": p.clusters, "dropped": row.dropped, "reworded": row.reworded, "test": p.test,
        "name": row.metric,
    }  # fmt: skip


def drawn(rows: Sequence[Difference], records: Records, metric: str) -> pd.DataFrame:
    """The differences of one metric as a forest plot has them, in points where they are of percentages."""
    told = []
    for row in rows:
        if row.metric == metric:
            p, record = row.paired, records.get((row.task, row.metric))
            times, _ = words.factor(record)
            ends = [None if x is None else times * x for x in (p.difference, p.low, p.high)]
            label = cut(row.task + f"  {row.slice}" * (row.slice != "all"), CELL)
            meaning = direction(row)
            shown = f"{words.points(p.difference, record, signed=True)} ({words.span(p.low, p.high, record)})"
            told.append((label, WORDS.get(meaning, meaning), *ends, shown, p.n))
    return pd.DataFrame(told, columns=["label", "series", "value", "low", "high", "shown", "n"])


def strip(rows: Sequence[Difference]) -> pd.DataFrame:
    """Per task over all examples that are right or wrong: in how many runs they are right, the most broken first.

    An example is right or wrong by what its task is about, so a task has one row, whatever else it measures.
    """
    whole = [row for row in reversed(rows) if row.slice == "all" and row.right + row.wrong + row.fixed + row.broken]
    counted = {row.task: row for row in whole}
    cells = [(row.task, row.broken, row.fixed, row.right, row.wrong) for row in counted.values()]
    table = pd.DataFrame(cells, columns=["task", "broken", "fixed", "both right", "both wrong"])
    return table.sort_values(["broken", "task"], ascending=[False, True], ignore_index=True)


def settings(store: Store, first: str, second: str) -> pd.DataFrame:
    """What the two runs were told otherwise: settings, the model's fingerprint, versions of libraries."""
    one, two = (_told(store.run(run)) for run in (first, second))
    rows = [(name, one.get(name, "-"), two.get(name, "-")) for name in one | two]
    return pd.DataFrame([row for row in rows if row[1] != row[2]], columns=["what", "baseline", "candidate"])


def _told(run: Run) -> dict[str, str]:
    shots = {f"shots of {task.name}": task.shots for task in run.tasks}
    if len(set(shots.values())) == 1:
        shots = {"shots": run.tasks[0].shots}
    facts = {"model": run.model, **run.settings, **run.fingerprint, **run.versions, **shots}
    return {name: str(value) for name, value in facts.items()}
