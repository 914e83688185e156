"""Calibration from the stored choice probabilities, and accuracy under perturbation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics import calibrate, stats, words
from harness.metrics.classify import mean, proportion
from harness.store import Store
from harness.store.frames import cluster_keys
from harness.types import Estimate, MetricRecord
from harness_dashboard.content.numbers import drawn

MOST = 50_000
"""Samples that are read at most: a diagram does not get better by more."""

STORED, ORIGINAL = "ece_width_10", "original"
KINDS = {"equal width": "width", "equal size": "mass"}
"""How bins are cut."""


Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Bins of a reliability diagram in %, a sentence, and how many samples are in it, left out, or unread."""

    bins: pd.DataFrame
    sentence: str
    n: int
    without: int
    unread: int


def all_tasks(store: Store, run: str) -> pd.DataFrame:
    """The calibration error of every task that has one, the largest first, beside what noise alone would make of it."""
    kept, metrics, rows = (
        {(e.task, e.metric): e for e in store.results(run) if e.slice == "all"},
        store.run(run).metrics(),
        [],
    )
    for (task, metric), e in kept.items():
        if metric == STORED and e.value is not None:
            floor, acc = kept.get((task, f"{STORED}_floor")), kept.get((task, "acc"))
            rows.append(
                {
                    "task": task,
                    "calibration error": words.short(e.value, e.low, e.high, metrics.get((task, metric))),
                    "by noise alone": words.percent(floor.value if floor else None),
                    "accuracy": words.percent(acc.value if acc else None),
                    "n": e.n,
                    "order": -e.value,
                }
            )
    table = pd.DataFrame(rows, columns=["task", "calibration error", "by noise alone", "accuracy", "n", "order"])
    return table.sort_values("order", ignore_index=True).drop(columns="order")


def varied(store: Store, run: str) -> list[str]:
    """The tasks of which the run has variants."""
    tasks = store.run(run).tasks
    return [
        task.name
        for task in tasks
        if any(metric.variant and metric.variant.tells == "score" for metric in task.metrics)
    ]


def calibration(store: Store, run: str, task: str, kind: str = "width") -> Calibration:
    """Confidence (softmax of the choices' log-probabilities, of the choice picked) against being right."""
    columns = ["example_id", "cluster", "correct", "values", "responses"]
    frame = store.samples(run, task, limit=MOST, columns=columns)
    shares = [confidence(*row) for row in zip(frame["values"], frame["responses"], strict=True)]
    usable = np.array([share is not None for share in shares], dtype=bool) & frame["correct"].notna().to_numpy()
    kept = frame[usable]
    rows = np.array(
        [(c, float(right)) for c, right in zip(np.array(shares, dtype=object)[usable], kept["correct"], strict=True)]
    ).reshape(-1, 2)
    groups = pd.factorize(cluster_keys(kept))[0]
    unread = max(0, store.artifact(run, task).rows - MOST)
    return Calibration(_bins(rows, groups, kind), sentence(rows, groups), len(rows), len(frame) - len(rows), unread)


def confidence(values: Mapping[str, Any] | None, responses: Sequence[Mapping[str, Any]]) -> float | None:
    """The probability of the picked choice among the choices; None for an answer that has none.

    It stands in the values of a run that judged its calibration, and follows from the single response of any other.
    """
    stored = (values or {}).get(STORED)
    if stored:
        return float(stored[0])
    if len(responses) != 1 or not responses[0].get("logprobs"):
        return None
    shares = calibrate.probabilities([float(p) for p in responses[0]["logprobs"]])
    return None if shares is None else float(shares[responses[0]["picked"]])


def sentence(rows: Array, groups: NDArray[np.int64]) -> str:
    """How sure the answers [n, (confidence, right)] are beside how often they are right, clusters counted as such.

    It is over- or underconfident where the 95 % interval of the difference leaves out none.
    """
    if not len(rows):
        return ""
    sure, right = 100 * rows.mean(axis=0)
    low, high = stats.confidence(mean("overconfidence"), rows[:, :1] - rows[:, 1:], groups) or (0.0, 0.0)
    word = "overconfident" if low > 0 else "underconfident" if high < 0 else "the difference may be chance"
    return f"Over {len(rows):,} answers it is {sure:.0f} % sure and {right:.0f} % right: {word}."


def _bins(rows: Array, groups: NDArray[np.int64], kind: str) -> pd.DataFrame:
    """One row per bin that holds a sample, in %, with the interval of its accuracy (clusters counted as such)."""
    places = calibrate.PLACES[kind](rows[:, 0]) if len(rows) else np.array([], dtype=int)
    bins = []
    for place in np.unique(places):
        inside = rows[places == place]
        ends = stats.confidence(proportion("acc"), inside[:, 1:], groups[places == place]) or (None, None)
        low, high = (None if end is None else 100 * end for end in ends)
        sure, right = 100 * inside.mean(axis=0)
        shown = f"{sure:.0f} % sure, {right:.0f} % right, n = {len(inside):,}"
        bins.append((len(inside), sure, right, low, high, shown))
    return pd.DataFrame(bins, columns=["n", "confidence", "accuracy", "low", "high", "shown"])


def variants(store: Store, run: str, task: str) -> pd.DataFrame:
    """Numbers of the original and of its variants, of the metrics that tell of both. Empty without variants."""
    own = [(record.variant, e) for record, e in _told(store, run, task)]
    changed = {variant.metric for variant, _ in own if variant and variant.tells == "score"}
    rows, metrics = [], store.run(run).metrics()
    for variant, e in own:
        if variant.tells == "score" if variant else e.metric in changed:
            label, metric = (variant.label, variant.metric) if variant else (ORIGINAL, e.metric)
            row = drawn(label, words.plain_name(metric), e, metrics.get((task, metric)))
            rows.append(row | {"metric": metric, "clusters": e.clusters, "failed": e.failed})
    return pd.DataFrame(rows)


def flips(store: Store, run: str, task: str) -> pd.DataFrame:
    """Per variant: how many answers are others than to the original, and p of broken against fixed (McNemar).

    The index holds the names of the metrics that the shares come from.
    """
    own = [(record.variant, e) for record, e in _told(store, run, task) if record.variant]
    tests = {variant.label: e.value for variant, e in own if variant.tells == "test"}
    rows = {
        e.metric: (
            variant.label, words.percent(e.value), words.percents(e.low, e.high), e.n,
            words.p_value(tests.get(variant.label)),
        )
        for variant, e in own
        if variant.tells == "flips"
    }  # fmt: skip
    columns = ["variant", "share flipped", "95 % interval", "changed examples", "p (McNemar)"]
    return pd.DataFrame(list(rows.values()), index=list(rows), columns=columns)


def _told(store: Store, run: str, task: str) -> Iterator[tuple[MetricRecord, Estimate]]:
    """The numbers of a task over all examples, each with what the run keeps of its metric."""
    metrics = store.run(run).metrics()
    for e in store.results(run):
        if e.task == task and e.slice == "all" and (e.task, e.metric) in metrics:
            yield metrics[e.task, e.metric], e
