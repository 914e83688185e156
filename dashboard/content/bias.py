"""Bias probes of a run: every number per category against its ideal, and what the probe does not show."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from typing import Any

import pandas as pd

from harness.errors import DataError
from harness.plugins import about_bias
from harness.store import Store
from harness.store.queries.probes import probes
from harness.types import Card, TaskRecord


@dataclass(frozen=True, slots=True)
class ProbeNumbers:
    """One bias task of a run; ``numbers`` by metric (slice, value, low, high, n, clusters, failed).

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
    results = pd.DataFrame([asdict(e) for e in store.results(run_id)])
    return [_probe(task, results) for task in store.run(run_id).tasks if task.name in names]


def _probe(task: TaskRecord, results: pd.DataFrame) -> ProbeNumbers:
    own = results[results["task"] == task.name] if not results.empty else results
    numbers = {
        m.name: own[own["metric"] == m.name].drop(columns=["task", "metric"])
        for m in task.metrics
        if not own.empty and m.family != "calibration"
    }
    return ProbeNumbers(
        task.name,
        task.version,
        task.card,
        numbers,
        {m.name: m.ideal if m.better == "ideal" else None for m in task.metrics},
        {m.name: m.limits for m in task.metrics},
        frozenset(m.name for m in task.metrics if m.family == "scorer"),
    )


def report(store: Store, run_id: str) -> Mapping[str, Any] | None:
    """What the report "bias" says of a run, as its JSON: verdicts, gaps between groups, what swapping groups changed.

    It is looked up by entry point, as ``harness report`` does; None where it is not installed or has nothing to say.
    """
    points = entry_points(group="harness.reports")
    writer = next((writers["bias"] for writers in (point.load() for point in points) if "bias" in writers), None)
    if writer is None:
        return None
    try:
        text: str = writer(store, run_id, None)["bias.json"]
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


def verdict(value: float | None, low: float | None, high: float | None, ideal: float) -> str:
    """Where an interval lies with respect to the ideal, in words."""
    if value is None or low is None or high is None or pd.isna(low) or pd.isna(high):
        return "no interval"
    return "above the ideal" if low > ideal else "below the ideal" if high < ideal else "ideal within the interval"
