"""Quality against what it cost, from what the core counted; costs that are estimated say so."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from harness.store import Store
from harness.store.queries.efficiency import expenses
from harness.store.queries.leaderboard import how_bad
from harness.types import EnergyUse, Estimate, MetricRecord
from harness.visible import number, short_names
from harness_dashboard.content.numbers import drawn

RUNS_SHOWN = 200
COSTS = {
    "seconds": "seconds of answering per example",
    "tokens": "tokens computed per example",
    "memory": "peak memory in MB",
    "joules": "joules per example of this task, idling included",
}
"""Column of ``points`` -> what it is, in words."""


def points(store: Store, task: str, record: MetricRecord, cost: str) -> pd.DataFrame:
    """The newest runs with this number: value, interval, cost, whether that is "measured" or "estimated", and the edge.

    A run's cost is that of all its tasks, so it is given per example asked; memory is of the whole run,
    energy of this task's examples. On the ``edge`` is what no other run beats in both.
    """
    lines = expenses(store, task, record.name, RUNS_SHOWN)
    short, rows = short_names(row.model for row in lines), []
    for row in lines:
        spent = {**costs(row.engine, row.examples, row.started, row.finished), "joules": joules(row.energy, task)}
        amount, kind = spent[cost]
        how = meter(row.energy) if cost == "joules" else note(row.engine)
        e = Estimate(task, record.name, "all", row.value, row.low, row.high, row.n, row.n, row.failed)
        own = drawn(short[row.model], f"{short[row.model]} {row.asked}".strip(), e, record)
        rows.append(own | {"run": row.run, cost: amount, "cost": number(amount), "kind": kind, "how": how})
    names = ["series", "value", "low", "high", "shown", "n", cost, "cost", "kind", "how", "run"]
    frame = pd.DataFrame(rows, columns=names)
    bad = [None if row.value is None else how_bad(row.value, record.better, record.ideal) for row in lines]
    return frame.assign(edge=edge(bad, frame[cost].tolist()))


def edge(bad: Sequence[float | None], costs: Sequence[float | None]) -> list[bool]:
    """Of each run, by how bad it is, whether no other is at least as good and as cheap, and better in one of both."""
    points = [
        (b, c) if b is not None and c is not None and not math.isnan(b + c) else None
        for b, c in zip(bad, costs, strict=True)
    ]
    known = [point for point in points if point]
    return [
        point is not None and not any(b <= point[0] and c <= point[1] and (b, c) != point for b, c in known)
        for point in points
    ]


def costs(
    engine: Mapping[str, Any], examples: int, started: str, finished: str | None
) -> dict[str, tuple[float | None, str]]:
    """Each cost with "measured", "estimated" or "unknown".

    Seconds are estimated from the clock between start and end (loading included), tokens from those asked (sharing
    not deducted), where the model's side counted something else; memory is never guessed, and a run that computed
    nothing (answers made elsewhere) has no cost.
    """
    per = 1 / examples if examples else None
    known = {key: engine.get(key) for key in ("seconds_compute", "tokens_computed", "peak_memory", "tokens_asked")}
    seconds, tokens, memory, asked = (float(x) if isinstance(x, int | float) else None for x in known.values())
    wall = _wall(started, finished) if engine else None
    return {
        "seconds": _first((seconds, "measured"), (wall, "estimated"), per),
        "tokens": _first((tokens, "measured"), (asked, "estimated"), per),
        "memory": (memory / 2**20, "measured") if memory else (None, "unknown"),
    }


def joules(energy: EnergyUse | None, task: str) -> tuple[float | None, str]:
    """Joules of an example of a task with "measured", or None with "unknown": energy is never estimated."""
    own = energy.tasks.get(task) if energy else None
    if own is None or own.joules is None or not own.examples:
        return None, "unknown"
    return own.joules / own.examples, "measured"


def meter(energy: EnergyUse | None) -> str:
    """What measured a run's energy, or why nothing did."""
    if energy is None:
        return "no meter was read"
    shared = ", shared with other processes" if energy.shared else ""
    return energy.reason or f"{energy.method} of {energy.device}{shared}"


def _first(
    measured: tuple[float | None, str], estimated: tuple[float | None, str], per: float | None
) -> tuple[float | None, str]:
    for amount, kind in (measured, estimated):
        if amount is not None and amount > 0 and per:
            return amount * per, kind
    return None, "unknown"


def _wall(started: str, finished: str | None) -> float | None:
    if not finished:
        return None
    return (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()


def note(engine: Mapping[str, Any]) -> str:
    """What the core says of how it computed."""
    saved = engine.get("share_saved")
    parts = [str(engine[key]) for key in ("path",) if key in engine]
    if isinstance(saved, float):
        parts.append(f"{100 * saved:.0f} % of tokens saved")
    return ", ".join(parts) or "nothing was counted"
