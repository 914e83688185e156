"""What the pages show, as pure functions over a store: no Streamlit in here, at most 200 samples at once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.metrics import stats
from harness.store import Standing, Store
from harness.types import Estimate, Metric, Run, TaskRecord

PAGE = 200
"""The most samples that travel to a browser at once."""

COLUMNS = ["example_id", "correct", "prediction", "target", "failure_kind"]
"""What the table of samples shows; one sample shows everything."""

CUT = 20_000
"""Characters of one text that a page shows: a line of a megabyte must not stop a browser."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which samples: ``state`` is "all", "right", "wrong" or "failed"; ``text`` is looked for in the prompt."""

    state: str = "all"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """One task of two runs: what differs per metric, the matrix of right and wrong, the examples that flipped."""

    task: str
    numbers: list[dict[str, Any]]
    matrix: dict[str, int]
    flips: pd.DataFrame


def leaderboard(store: Store, slice: str = "all") -> pd.DataFrame:
    """Newest finished number of every model and task, with a rank range for each (task, metric)."""
    standings = store.leaderboard(slice=slice)
    rules = directions(store, {standing.run_id for standing in standings})
    groups: dict[tuple[str, str], list[Standing]] = defaultdict(list)
    for standing in standings:
        groups[standing.estimate.task, standing.estimate.metric].append(standing)
    rows = []
    for (task, metric), group in groups.items():
        ranks = rank_ranges([s.estimate for s in group], rules.get((task, metric), {}))
        rows += [_row(s, rank) for s, rank in zip(group, ranks, strict=True)]
    return pd.DataFrame(rows, columns=["task", "metric", "model", "value", "low", "high", "rank", "n", "failed", "run"])


def _row(standing: Standing, rank: str) -> dict[str, Any]:
    e = standing.estimate
    return {
        "task": e.task, "metric": e.metric, "model": standing.model, "value": e.value, "low": e.low, "high": e.high,
        "rank": rank, "n": e.n, "failed": e.failed, "run": standing.run_id,
    }  # fmt: skip


def directions(store: Store, run_ids: set[str]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """(task, metric) -> the stored description of the metric, from the runs named."""
    runs = [run for run in store.runs(status="finished") if run.id in run_ids]
    return {(t.name, str(m["name"])): m for run in runs for t in run.tasks for m in t.metrics}


def rank_ranges(estimates: Sequence[Estimate], rule: Mapping[str, Any]) -> list[str]:
    """The ranks that each number may have: another is ahead only where its whole interval is better.

    "-" for a number that is undefined or has no interval.
    """
    spans = [_badness(e, str(rule.get("better", "higher")), rule.get("ideal")) for e in estimates]
    known = [span for span in spans if span]
    return ["-" if span is None else _range(span, known) for span in spans]


def _range(span: tuple[float, float], known: Sequence[tuple[float, float]]) -> str:
    best = 1 + sum(other[1] < span[0] for other in known)
    worst = len(known) - sum(other[0] > span[1] for other in known)
    return str(best) if best == worst else f"{best}-{worst}"


def _badness(e: Estimate, better: str, ideal: float | None) -> tuple[float, float] | None:
    """Interval of "how bad", so that smaller is ahead."""
    if e.value is None or e.low is None or e.high is None:
        return None
    if better == "lower":
        return e.low, e.high
    if better == "ideal" and ideal is not None:
        ends = sorted((abs(e.low - ideal), abs(e.high - ideal)))
        return (0.0 if e.low <= ideal <= e.high else ends[0]), ends[1]
    return -e.high, -e.low


def condition(filter: Filter) -> str | None:
    """The SQL condition of a filter. Quotes in the text are doubled: it is a value, never SQL."""
    states = {
        "all": "", "right": "correct = true", "wrong": "correct = false", "failed": "failure_kind is not null",
    }  # fmt: skip
    if filter.state not in states:
        raise UsageError(f"filter {filter.state!r}; valid: {', '.join(states)}")
    parts = [states[filter.state]] if states[filter.state] else []
    if filter.text:  # as code points, so that a text like value.acc is not taken for a column
        points = ", ".join(f"chr({ord(c)})" for c in filter.text.lower()[:200])
        parts.append(f"contains(lower(prompt), concat({points}))")
    return " and ".join(parts) or None


def samples(store: Store, run: str, task: str, filter: Filter, page: int = 0, size: int = 50) -> pd.DataFrame:
    """One page of samples, read in SQL; never more than PAGE rows."""
    if not 1 <= size <= PAGE:
        raise UsageError(f"page size {size}; valid: 1 to {PAGE}")
    frame = store.samples(run, task, condition(filter), None, size, max(page, 0) * size, COLUMNS)
    return harmless(frame)


def sample(store: Store, run: str, task: str, example: str) -> dict[str, Any] | None:
    """Everything about one sample; None if there is no such example."""
    points = ", ".join(f"chr({ord(c)})" for c in example) or "''"
    frame = store.samples(run, task, f"example_id = concat({points})", None, 1, 0)
    return None if frame.empty else {str(k): v for k, v in frame.iloc[0].items()}


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame whose texts are short and harmless to show."""
    return frame.map(lambda value: cut(value, 300) if isinstance(value, str) else value)


def cut(text: str, length: int = CUT) -> str:
    """A text that is harmless to show: control and direction marks visible, no more than ``length`` characters."""
    shown = "".join(c if c.isprintable() or c in "\n\t" else f"\\u{ord(c):04x}" for c in text[:length])
    return shown if len(text) <= length else f"{shown}… ({len(text):,} characters)"


def obstacles(first: Run, second: Run) -> dict[str, str]:
    """Tasks that both runs have but that cannot be compared, and why."""
    theirs = {task.name: task for task in second.tasks}
    both = [(task, theirs[task.name]) for task in first.tasks if task.name in theirs]
    found = {one.name: _obstacle(one, two) for one, two in both}
    return {name: why for name, why in found.items() if why}


def _obstacle(one: TaskRecord, two: TaskRecord) -> str:
    if one.version != two.version:
        return f"task version {one.version} against {two.version}"
    if one.data_sha256 != two.data_sha256:
        return f"other data ({one.data_sha256[:12]} against {two.data_sha256[:12]})"
    if one.fingerprint != two.fingerprint:
        return "another definition of the task (prompt, shots or metrics)"
    return ""


def compare(store: Store, first: Run, second: Run) -> list[Pair]:
    """Every task that can be compared, example by example; p corrected by Holm over all of them."""
    blocked, theirs = obstacles(first, second), {task.name for task in second.tasks}
    tasks = [task for task in first.tasks if task.name in theirs and task.name not in blocked]
    pairs = [_pair(store, first.id, second.id, task) for task in tasks]
    tested = [number for pair in pairs for number in pair.numbers if number["p"] is not None]
    corrected = stats.holm([number["p"] for number in tested]) if tested else []
    for number, p in zip(tested, corrected, strict=True):
        number["p (Holm)"] = p
    return pairs


def _pair(store: Store, first: str, second: str, task: TaskRecord) -> Pair:
    both = _joined(store, first, second, task.name)
    right = both.dropna(subset=["correct_1", "correct_2"])
    matrix = {
        name: int(((right["correct_1"] == a) & (right["correct_2"] == b)).sum())
        for name, a, b in (("both right", True, True), ("fixed", False, True), ("broken", True, False),
                           ("both wrong", False, False))
    }  # fmt: skip
    flips = right[right["correct_1"] != right["correct_2"]]
    numbers = [_number(both, m) for m in task.metrics if m.get("interval") in ("wilson", "t")]
    columns = ["example_id", "correct_1", "correct_2", "prediction_1", "prediction_2"]
    return Pair(task.name, [n for n in numbers if n], matrix, flips[columns].head(PAGE))


def _joined(store: Store, first: str, second: str, task: str) -> pd.DataFrame:
    frames = [_columns(store, run, task) for run in (first, second)]
    return frames[0].merge(frames[1], on="example_id", suffixes=("_1", "_2"), validate="one_to_one")


def _columns(store: Store, run: str, task: str) -> pd.DataFrame:
    frame = store.samples(run, task, limit=1)
    values = [str(c) for c in frame.columns if str(c).startswith("value.")]
    return store.samples(run, task, columns=["example_id", "cluster", "correct", "prediction", *values])


def _number(both: pd.DataFrame, rule: Mapping[str, Any]) -> dict[str, Any] | None:
    """The paired difference of one metric that is a mean of its examples' values; None where none has any."""
    name = str(rule["name"])
    columns = [f"value.{name}_1", f"value.{name}_2"]
    if not set(columns) <= set(both.columns) or both[columns].dropna().empty:
        return None
    rows = both.dropna(subset=columns)
    keys = rows["cluster_1"].where(rows["cluster_1"].notna(), rows["example_id"].map(lambda i: f"example {i}"))
    clusters = np.asarray(pd.factorize(keys)[0], dtype=np.int64)
    metric = Metric(name=name, reduce=_mean, interval=rule["interval"])
    one, two = (rows[c].to_numpy(dtype=float) for c in columns)
    found = stats.paired(metric, one, two, clusters)
    return {
        "metric": name, "baseline": found.first, "candidate": found.second, "difference": found.difference,
        "low": found.low, "high": found.high, "p": found.p, "p (Holm)": None,
        "detectable": stats.detectable(found.error) if found.error else None, "n": found.n, "test": found.test,
    }  # fmt: skip


def _mean(sums: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(sums[..., 0] / n)
