"""Probes of safety and bias: numbers against their ideals, by model and by group, and what a probe does not show."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

import pandas as pd

from harness.errors import DataError
from harness.marks import WORDS, signed
from harness.metrics import words
from harness.metrics.ideals import side_of
from harness.plugins import about_safety
from harness.store import Store
from harness.store.queries import leaderboard
from harness.store.queries.leaderboard import LeaderboardFilter, Standing
from harness.store.queries.probes import probes
from harness.store.queries.tasks import records
from harness.types import Estimate, MetricRecord, TaskRecord
from harness.visible import cut, short_names
from harness_dashboard.content.numbers import drawn

ATTEMPTS = ("jailbreak/", "garak/")
"""What tasks are called that are made of files of attacks."""

BOTH = ("compliance_unsafe", "refusal_safe")
"""Harm done and help denied, which belong side by side."""

COLUMNS = 12
"""The most models that stand beside each other."""

ORDER = ("above", "below", "within", "undecided", "judged")
NO_IDEAL = "○ no ideal"


def probes_of(store: Store) -> list[str]:
    """Tasks in the store that are probes: tagged so where installed, with a metric that has an ideal, or attacks."""
    tagged = about_safety()
    return sorted(name for name, ideal in probes(store).items() if ideal or name in tagged or name.startswith(ATTEMPTS))


def main_numbers(metrics: Sequence[MetricRecord]) -> list[MetricRecord]:
    """The metrics that a probe is told by: those with an ideal, else harm and denied help, else the first."""
    headline = [metric for metric in metrics if metric.family == "score"]
    ideal = [metric for metric in headline if metric.ideal is not None and metric.better == "ideal"]
    return ideal or [metric for metric in headline if metric.name in BOTH] or headline[:1]


def side(e: Estimate, record: MetricRecord) -> str:
    """Where a number lies beside its ideal, by the one rule of the project; "judged" where it has none."""
    return "judged" if record.ideal is None or record.better != "ideal" else side_of(e, record.ideal)


def verdict(e: Estimate, record: MetricRecord) -> str:
    """The same with its sign."""
    lies = side(e, record)
    return NO_IDEAL if lies == "judged" else signed(lies)


def of_run(store: Store, run_id: str, names: Sequence[str]) -> pd.DataFrame:
    """The main numbers of these probes of a run, findings first and of these the farthest from their ideal."""
    results = {(e.task, e.metric): e for e in store.results(run_id) if e.slice == "all"}
    rows = []
    for task in store.run(run_id).tasks:
        for record in main_numbers(task.metrics) if task.name in names else ():
            if e := results.get((task.name, record.name)):
                lies, distance = side(e, record), abs((e.value or 0.0) - (record.ideal or 0.0))
                rows.append((ORDER.index(lies), -distance * words.factor(record)[0], _line(e, record)))
    return pd.DataFrame([line for *_, line in sorted(rows, key=lambda row: row[:2])])


def _line(e: Estimate, record: MetricRecord) -> dict[str, Any]:
    return {
        "verdict": verdict(e, record),
        "task": e.task,
        "number": words.plain_name(record.name),
        "value": words.short(e.value, e.low, e.high, record),
        "better": words.arrow(record),
        "n": e.n,
        "clusters": e.clusters,
        "failed": e.failed,
    }


def matrix(store: Store, names: Sequence[str], first: Sequence[str], most: int = COLUMNS) -> tuple[pd.DataFrame, int]:
    """These probes by models, those of the runs ``first`` before the others: the number with the sign of its verdict.

    At most so many models stand beside each other; the second value says how many there are.
    """
    known = {(task, m.name): m for task, own in _metrics(store, names).items() for m in main_numbers(own)}
    cells: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    order = {}
    for one in _newest(store, LeaderboardFilter(tasks=tuple(names))) if names else ():
        if record := known.get((one.task, one.metric)):
            column = f"{one.model} {one.asked}".strip()
            order[column] = (one.run not in first, column)
            sign = verdict(one.estimate, record)[0]
            cells[one.task, one.metric][column] = f"{sign} {words.short(one.value, one.low, one.high, record)}"
    columns = sorted(order, key=order.__getitem__)[:most]
    short = short_names(order)
    rows = [
        {"probe": task, "number": words.plain_name(metric), "better": words.arrow(known[task, metric])}
        | {cut(short[column], 80): own.get(column, "-") for column in columns}
        for (task, metric), own in sorted(cells.items())
    ]
    return pd.DataFrame(rows), len(order)


def _newest(store: Store, wanted: LeaderboardFilter) -> list[Standing]:
    """The standings, of a model that was asked alike in several versions or of other data those of its newest run."""
    everything = leaderboard.standings(store, wanted)
    newest = {(one.task, one.model, one.asked): one.run for one in sorted(everything, key=lambda one: one.run)}
    return [one for one in everything if newest[one.task, one.model, one.asked] == one.run]


def _metrics(store: Store, names: Sequence[str]) -> dict[str, list[MetricRecord]]:
    own: dict[str, list[MetricRecord]] = defaultdict(list)
    for (task, _), record in records(store).items():
        if task in names:
            own[task].append(record)
    return own


def harm_and_help(store: Store, first: Sequence[str]) -> dict[str, pd.DataFrame]:
    """By task that has both: the share of harmful prompts answered and of harmless ones refused, of each model.

    The models of the runs ``first`` stand before the others, which follow from the least harm on.
    """
    known = records(store)
    told: dict[str, dict[str, dict[str, Standing]]] = defaultdict(lambda: defaultdict(dict))
    for one in _newest(store, LeaderboardFilter(metrics=BOTH)):
        told[one.task][f"{one.model} {one.asked}".strip()][one.metric] = one
    short = short_names({name for models in told.values() for name in models})
    frames: dict[str, pd.DataFrame] = {}
    for task, models in told.items():
        both = {name: own for name, own in models.items() if len(own) == len(BOTH)}
        runs = {name: own[BOTH[0]].run for name, own in both.items()}
        places = {name: first.index(run) if run in first else len(first) for name, run in runs.items()}
        order = sorted(both, key=lambda name: (places[name], both[name][BOTH[0]].value or 0.0))
        rows = [
            drawn(short[name], words.plain_name(metric), both[name][metric].estimate, known[task, metric])
            for name in order
            for metric in BOTH
        ]
        frames |= {task: pd.DataFrame(rows)} if rows else {}
    return frames


# ----------------------------------------------------------------------------------------------------------- one probe
def probe(store: Store, run_id: str, name: str) -> tuple[TaskRecord, dict[str, list[Estimate]]]:
    """What the run keeps of a probe, and its numbers by metric."""
    task = next(task for task in store.run(run_id).tasks if task.name == name)
    numbers: dict[str, list[Estimate]] = defaultdict(list)
    for e in store.results(run_id):
        if e.task == name:
            numbers[e.metric].append(e)
    return task, dict(numbers)


def by_group(numbers: Sequence[Estimate], record: MetricRecord) -> pd.DataFrame:
    """A metric over all examples, then by group, the farthest from the ideal (or from the whole) first."""
    middle = record.ideal if record.ideal is not None else next((e.value for e in numbers if e.slice == "all"), 0.0)

    def distance(e: Estimate) -> tuple[bool, float]:
        return e.slice != "all", -abs((e.value if e.value is not None else middle or 0.0) - (middle or 0.0))

    rows = [
        drawn(e.slice, "number" if (lies := side(e, record)) == "judged" else WORDS.get(lies, lies), e, record)
        | {"clusters": e.clusters}
        for e in sorted(numbers, key=distance)
    ]
    return pd.DataFrame(rows)


def worst(numbers: Sequence[Estimate], record: MetricRecord) -> str:
    """For whom a probe came out worst, in a sentence; "" where no group differs from its ideal."""
    apart = [e for e in numbers if e.slice != "all" and side(e, record) in ("above", "below")]
    if not apart or record.ideal is None:
        return ""
    e = max(apart, key=lambda e: abs((e.value or 0.0) - (record.ideal or 0.0)))
    shown = words.short(e.value, e.low, e.high, record)
    ideal = words.brief(record.ideal, record)
    return f"Farthest from the ideal {ideal}: {e.slice}, {words.plain_name(record.name)} {shown}, n = {e.n:,}."


def report(store: Store, run_id: str) -> Mapping[str, Any] | None:
    """What the report "bias" says of a run, as its JSON: verdicts, gaps between groups, what swapping groups changed.

    It is looked up by entry point, as ``harness report`` does; None where it is not installed or has nothing to say.
    """
    files = card_files(store, run_id)
    return json.loads(files["bias.json"]) if files else None


def card_files(store: Store, run_id: str) -> Mapping[str, str] | None:
    """The files of the bias card by name; None where there is none."""
    points = entry_points(group="harness.reports")
    writer = next((writers["bias"] for writers in (point.load() for point in points) if "bias" in writers), None)
    if writer is None:
        return None
    try:
        files: Mapping[str, str] = writer(store, [run_id], None)
    except DataError:
        return None
    return files


def parts(report: Mapping[str, Any], task: str) -> dict[str, pd.DataFrame]:
    """The report's tables on one task: title -> rows; a part without rows is left out."""
    rows = {
        "Gaps between groups": [
            {"slice": row["slice"]} | row["gap"] | {"verdict": row["verdict"]}
            for row in report["gaps"]
            if row["task"] == task
        ],
        "Groups swapped in the text": [row for row in report["flips"] if row["task"] == task],
    }
    return {title: pd.DataFrame(part).drop(columns="task", errors="ignore") for title, part in rows.items() if part}
