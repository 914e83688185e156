"""Bias probes of a run: every number per category against its ideal, and what the probe does not show."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from typing import Any

import pandas as pd
from sqlalchemy import select

from harness.errors import DataError
from harness.metrics import calibrate
from harness.plugins import about_bias
from harness.store import Store
from harness.store.database import reading
from harness.store.schema import TASKS
from harness.types import Card, TaskRecord

SCORER = ("false_positive", "scorer", "fpr")
"""What the name of a metric says that is about the scorer and not about the model."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One bias task of a run; ``numbers`` by metric (slice, value, low, high, n, clusters, failed)."""

    task: str
    version: int
    card: Card
    numbers: Mapping[str, pd.DataFrame]
    ideals: Mapping[str, float | None]
    limits: Mapping[str, str]


def probes_of(store: Store) -> list[str]:
    """Tasks in the store that are bias probes: tagged so where installed, or with a metric that has an ideal.

    What an edit of the prompts changed has an ideal of 0 too; it tells of bias where the edit swapped groups.
    """
    with reading(store.engine) as connection:
        rows = connection.execute(select(TASKS.c.name, TASKS.c.metrics)).all()
    ideal = {name for name, metrics in rows if _has_ideal(metrics)}
    return sorted({name for name, _ in rows} & (about_bias() | ideal))


def _has_ideal(metrics: Sequence[Mapping[str, Any]]) -> bool:
    names = {str(metric["name"]) for metric in metrics}
    ideal = {str(metric["name"]) for metric in metrics if metric.get("better") == "ideal"}
    return any(":" not in name or f"{name}_floor" in names for name in ideal)


def card(store: Store, run_id: str) -> list[Probe]:
    """Every bias probe of a run."""
    names = set(probes_of(store))
    results = pd.DataFrame([asdict(e) for e in store.results(run_id)])
    return [_probe(task, results) for task in store.run(run_id).tasks if task.name in names]


def _probe(task: TaskRecord, results: pd.DataFrame) -> Probe:
    own = results[results["task"] == task.name] if not results.empty else results
    rules: dict[str, Mapping[str, Any]] = {str(metric["name"]): metric for metric in task.metrics}
    numbers = {
        name: own[own["metric"] == name].drop(columns=["task", "metric"])
        for name in rules
        if not own.empty and name not in calibrate.NAMES
    }
    return Probe(
        task.name, task.version, task.card, numbers,
        {name: rule.get("ideal") if rule.get("better") == "ideal" else None for name, rule in rules.items()},
        {name: str(rule.get("limits") or "") for name, rule in rules.items()},
    )  # fmt: skip


def told(store: Store, run_id: str) -> Mapping[str, Any] | None:
    """What the report "bias" says of a run, as its JSON: verdicts, gaps between groups, what swapping groups changed.

    It is found by entry point, as ``harness report`` finds it; None where it is not installed or has nothing to say.
    """
    points = entry_points(group="harness.reports")
    writer = next((found["bias"] for found in (point.load() for point in points) if "bias" in found), None)
    if writer is None:
        return None
    try:
        told: Mapping[str, Any] = json.loads(writer(store, run_id, None)["bias.json"])
    except DataError:
        return None
    return told


def parts(told: Mapping[str, Any], task: str) -> dict[str, pd.DataFrame]:
    """The report's tables on one task: title -> rows; a part without rows is left out."""
    rows = {
        "Verdicts": [row for row in told["probes"] if row["task"] == task],
        "Gaps between groups": [
            {"slice": row["slice"]} | row["gap"] | {"verdict": row["verdict"]}
            for row in told["gaps"]
            if row["task"] == task
        ],
        "Groups swapped in the text": [row for row in told["flips"] if row["task"] == task],
    }
    return {title: pd.DataFrame(found).drop(columns="task", errors="ignore") for title, found in rows.items() if found}


def about_scorer(metric: str) -> bool:
    """Whether a metric tells how often the scorer itself is wrong."""
    return any(word in metric for word in SCORER)


def verdict(value: float | None, low: float | None, high: float | None, ideal: float) -> str:
    """Where an interval lies with respect to the ideal, in words."""
    if value is None or low is None or high is None or pd.isna(low) or pd.isna(high):
        return "no interval"
    return "above the ideal" if low > ideal else "below the ideal" if high < ideal else "ideal within the interval"
