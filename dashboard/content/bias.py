"""Bias probes of a run: every number per category against its ideal, and what the probe does not show."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from typing import Any

import pandas as pd

from harness.errors import DataError
from harness.metrics.ideals import Side, side_of
from harness.plugins import about_bias
from harness.store import Store
from harness.store.queries.probes import probes
from harness.types import Card, Estimate, TaskRecord

LIES: Mapping[Side, str] = {
    "above": "above the ideal",
    "below": "below the ideal",
    "within": "ideal within the interval",
    "undecided": "no verdict",
}
"""Where an interval lies with respect to the ideal, in words."""


@dataclass(frozen=True, slots=True)
class ProbeNumbers:
    """One bias task of a run; ``numbers`` by metric (slice, value, low, high, n, clusters, failed, lies).

    ``of_scorer``: the metrics that tell how often the scorer itself is wrong.
    """

    task: str
    version: int
    card: Card
    numbers: Mapping[str, pd.DataFrame]
    ideals: Mapping[str, float | None]
    limits: Mapping[str, str]
    of_scorer: frozenset[str]


def probes_of(store: Store) -> list[str]:
    """Tasks in the store that are bias probes: tagged so where installed, or with a metric that has an ideal."""
    tagged = about_bias()
    return sorted(name for name, has_ideal in probes(store).items() if has_ideal or name in tagged)


def card(store: Store, run_id: str) -> list[ProbeNumbers]:
    """Every bias probe of a run."""
    names = set(probes_of(store))
    results = store.results(run_id)
    tasks = (task for task in store.run(run_id).tasks if task.name in names)
    return [_probe(task, [e for e in results if e.task == task.name]) for task in tasks]


def _probe(task: TaskRecord, own: Sequence[Estimate]) -> ProbeNumbers:
    ideals = {m.name: m.ideal if m.better == "ideal" else None for m in task.metrics}
    numbers = {
        m.name: pd.DataFrame([_row(e, ideals[m.name]) for e in own if e.metric == m.name])
        for m in task.metrics
        if own and m.family != "calibration"
    }
    return ProbeNumbers(
        task.name,
        task.version,
        task.card,
        numbers,
        ideals,
        {m.name: m.limits for m in task.metrics},
        frozenset(m.name for m in task.metrics if m.family == "scorer"),
    )


def _row(e: Estimate, ideal: float | None) -> dict[str, Any]:
    row = asdict(e) | {"lies": "number without an ideal" if ideal is None else LIES[side_of(e, ideal)]}
    return {name: value for name, value in row.items() if name not in ("task", "metric")}


def report(store: Store, run_id: str) -> Mapping[str, Any] | None:
    """What the report "bias" says of a run, as its JSON: verdicts, gaps between groups, what swapping groups changed.

    It is looked up by entry point, as ``harness report`` does; None where it is not installed or has nothing to say.
    """
    points = entry_points(group="harness.reports")
    writer = next((writers["bias"] for writers in (point.load() for point in points) if "bias" in writers), None)
    if writer is None:
        return None
    try:
        text: str = writer(store, [run_id], None)["bias.json"]
    except DataError:
        return None
    card: Mapping[str, Any] = json.loads(text)
    return card


def parts(report: Mapping[str, Any], task: str) -> dict[str, pd.DataFrame]:
    """The report's tables on one task: title -> rows; a part without rows is left out."""
    rows = {
        "Verdicts": [row for row in report["probes"] if row["task"] == task],
        "Gaps between groups": [
            {"slice": row["slice"]} | row["gap"] | {"verdict": row["verdict"]}
            for row in report["gaps"]
            if row["task"] == task
        ],
        "Groups swapped in the text": [row for row in report["flips"] if row["task"] == task],
    }
    return {title: pd.DataFrame(part).drop(columns="task", errors="ignore") for title, part in rows.items() if part}
