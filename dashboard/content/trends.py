"""One metric over the runs of a model family, with baselines and gate verdicts as marks."""

import pandas as pd

from harness.gate.formats import outcome
from harness.store import Store
from harness.store.queries import gates, trends
from harness.store.queries.runs import models
from harness_dashboard.widgets.text import family, short

RUNS_SHOWN = 200
COLUMNS = ("run", "series", "model", "started", "value", "low", "high", "n", "failed", "baseline", "gate")


def families(store: Store) -> list[str]:
    """Model families that have a finished run, by name."""
    return sorted({family(name) for name in models(store)})


def measured(store: Store, name: str) -> list[tuple[str, str]]:
    """Every (task, metric) of the finished runs of a family, the most often asked task first."""
    return trends.measured(store, _members(store, name))


def _members(store: Store, name: str) -> list[str]:
    return [model for model in models(store) if family(model) == name]


def history(store: Store, name: str, task: str, metric: str) -> pd.DataFrame:
    """The newest runs of a family, oldest first; a series is one definition of the task, so no line joins others."""
    points = trends.history(store, _members(store, name), task, metric, RUNS_SHOWN)[::-1]
    baselines, records = _baselines(store), gates.newest(store, [point.run for point in points])
    several = len({point.data_sha256 for point in points}) > 1
    rows = [
        (p.run, _series(p, several), short(p.model), p.started, p.value, p.low, p.high, p.n, p.failed,
         baselines.get(p.run, ""), outcome(records[p.run].get("exit_code")) if p.run in records else "")
        for p in points
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _series(point: trends.TrendPoint, several: bool) -> str:
    if point.version is None or point.data_sha256 is None:
        return "whole group"
    return f"v{point.version}, {point.shots}-shot" + f", data {point.data_sha256[:8]}" * several


def _baselines(store: Store) -> dict[str, str]:
    """Names of the baselines that point to a run now, or pointed to it before."""
    now = store.baselines()
    marks: dict[str, str] = {}
    for step in store.baseline_history():
        if step.run_id:
            mark = step.name if now.get(step.name) == step.run_id else f"{step.name} (before)"
            marks.setdefault(step.run_id, mark)
    return marks


def marks(frame: pd.DataFrame) -> pd.DataFrame:
    """What is written over the points: baselines and verdicts."""
    words = [
        ", ".join([f"baseline {row.baseline}"] * bool(row.baseline) + [f"gate {row.gate}"] * bool(row.gate))
        for row in frame.itertuples()
    ]
    marked = frame.assign(mark=words)
    return marked.loc[marked["mark"] != "", ["started", "value", "mark"]]
