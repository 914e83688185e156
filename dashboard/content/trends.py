"""The main metrics of a model family over its runs, with baselines and gate verdicts as marks."""

from collections import defaultdict
from collections.abc import Mapping

import pandas as pd

from harness.gate.formats import outcome
from harness.marks import signed
from harness.metrics import words
from harness.store import Store
from harness.store.queries import gates, trends
from harness.store.queries.runs import models
from harness.types import Estimate, MetricRecord
from harness_dashboard.content.compare import apart
from harness_dashboard.content.gate import marked
from harness_dashboard.content.leaderboard import main_metrics
from harness_dashboard.content.numbers import drawn
from harness_dashboard.widgets.text import family

POINTS = 4_000
"""The most numbers of a history."""
LAST = 30
"""The most runs of a course that is drawn in a cell."""
COLUMNS = (
    "task",
    "metric",
    "run",
    "series",
    "started",
    "step",
    "value",
    "low",
    "high",
    "shown",
    "n",
    "baseline",
    "gate",
)


def families(store: Store) -> list[str]:
    """Model families that have a finished run, by name."""
    return sorted({family(name) for name in models(store)})


def members(store: Store, name: str) -> list[str]:
    """The models of a family."""
    return [model for model in models(store) if family(model) == name]


def history(store: Store, name: str) -> pd.DataFrame:
    """The newest numbers of a family's main metrics, oldest first, in the unit that they are told in.

    Where all of them were measured while the model was trained, they stand in the order of steps. A series is one
    definition of a task, so that no line joins others.
    """
    records = main_metrics(store)
    points = _points(store, name, records)
    baselines, gate = _baselines(store), gates.newest(store, list({point.run for point in points}))
    several = {task for task in records if len({p.data_sha256 for p in points if p.task == task}) > 1}
    rows = []
    for p in points:
        record, e = records[p.task], Estimate(p.task, p.metric, "all", p.value, p.low, p.high, p.n, p.n, p.failed)
        judged = marked(outcome(gate[p.run])) if p.run in gate else ""
        own = drawn(p.task, _series(p, p.task in several), e, record)
        rows.append(own | {"task": p.task, "metric": p.metric, "run": p.run, "started": p.started, "step": p.step,
                           "baseline": baselines.get(p.run, ""), "gate": judged})  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(("value", "low", "high"), "float64"))


def _points(store: Store, name: str, records: Mapping[str, MetricRecord]) -> list[trends.TrendPoint]:
    """A family's newest numbers of these metrics, oldest first, or by the steps of a training."""
    pairs = [(task, record.name) for task, record in records.items()]
    points = trends.history(store, members(store, name), pairs, POINTS)[::-1]
    if all(point.step is not None for point in points):
        points = sorted(points, key=lambda point: point.step or 0)
    return points


def steps(frame: pd.DataFrame, records: Mapping[str, MetricRecord]) -> pd.DataFrame:
    """The last step of every task, worst first: better or worse where the intervals of two runs do not meet.

    A number that has an ideal has no direction, so its steps are never better or worse.
    """
    rows = []
    for (task, _), own in frame.dropna(subset=["value"]).groupby(["task", "series"], sort=False):
        old, new = own.iloc[-2 if len(own) > 1 else -1], own.iloc[-1]
        meaning = apart(_estimate(old), _estimate(new), records[str(task)]) if len(own) > 1 else "untested"
        now = {"now": new["shown"], "before": old["shown"] if len(own) > 1 else "-"}
        now |= {"course": own["value"].tolist()[-LAST:] if len(own) > 1 else [], "runs": len(own)}
        rows.append({"last step": signed(meaning), "task": task, "metric": words.plain_name(new["metric"])} | now
                    | {"asked": new["series"], "run": new["run"], "at": new["started"]})  # fmt: skip
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    order = [signed(kind) for kind in ("worse", "better", "unclear", "untested")]
    newest = table.sort_values("at").drop_duplicates("task", keep="last").drop(columns="at")
    return newest.sort_values(["last step", "task"], key=lambda c: c.map(order.index) if c.name == "last step" else c,
                              ignore_index=True)  # fmt: skip


def courses(store: Store, run: str, model: str) -> dict[str, list[float]]:
    """By task the last values of the runs of a model's family that were asked the same, up to this run's own."""
    records, alike = main_metrics(store), defaultdict[tuple[object, ...], list[float]](list)
    told: dict[str, list[float]] = {}
    for p in _points(store, family(model), records):
        if p.value is not None:
            before = alike[p.task, p.version, p.data_sha256, p.shots]
            before.append(words.factor(records[p.task])[0] * p.value)
            if p.run == run:
                told[p.task] = before[-LAST:]
    return {task: values for task, values in told.items() if len(values) > 1}


def _estimate(row: pd.Series) -> Estimate:
    """A point of a history as the number that it was drawn from, in the unit that it is drawn in."""
    value, low, high = (None if pd.isna(row[name]) else float(row[name]) for name in ("value", "low", "high"))
    return Estimate(row["task"], row["metric"], "all", value, low, high, row["n"], row["n"], 0)


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
    return marked.loc[marked["mark"] != "", ["started", "step", "value", "mark"]]
