"""Calibration from the stored choice probabilities, and accuracy under perturbation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics import calibrate, stats
from harness.metrics.classify import proportion
from harness.store import Store
from harness.store.frames import cluster_keys
from harness.types import Estimate, MetricRecord

MOST = 50_000
"""Samples that are read at most: a diagram does not get better by more."""

STORED, ORIGINAL = "ece_width_10", "original"


Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Bins of a reliability diagram, calibration metrics, and how many samples are in it, left out, or unread."""

    bins: pd.DataFrame
    metrics: pd.DataFrame
    n: int
    without: int
    unread: int


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
    return Calibration(_bins(rows, groups, kind), _metrics(rows, groups), len(rows), len(frame) - len(rows), unread)


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


def _bins(rows: Array, groups: NDArray[np.int64], kind: str) -> pd.DataFrame:
    """One row per bin that holds a sample, with the interval of its accuracy (clusters counted as such)."""
    places = calibrate.PLACES[kind](rows[:, 0]) if len(rows) else np.array([], dtype=int)
    bins = []
    for place in np.unique(places):
        inside = rows[places == place]
        low, high = stats.confidence(proportion("acc"), inside[:, 1:], groups[places == place]) or (None, None)
        edges = f"{inside[:, 0].min():.2f}-{inside[:, 0].max():.2f}"
        bins.append((edges, len(inside), inside[:, 0].mean(), inside[:, 1].mean(), low, high))
    return pd.DataFrame(bins, columns=["bin", "n", "confidence", "accuracy", "low", "high"])


def _metrics(rows: Array, groups: NDArray[np.int64]) -> pd.DataFrame:
    """Every calibration metric that (confidence, correct) is enough for, with its interval if it has one."""
    paired = [metric for metric in calibrate.METRICS if metric.name in calibrate.PAIRED] if len(rows) else []
    values = []
    for m in paired:
        low, high = stats.confidence(m, rows, groups) or (None, None)
        values.append((m.name, stats.point(m, rows), low, high, len(rows), m.better, m.limits))
    return pd.DataFrame(values, columns=["metric", "value", "low", "high", "n", "better", "limits"])


def variants(store: Store, run: str, task: str) -> pd.DataFrame:
    """Numbers of the original and of its variants, of the metrics that tell of both. Empty without variants."""
    own = [(record.variant, e) for record, e in _told(store, run, task)]
    changed = {variant.metric for variant, _ in own if variant and variant.tells == "score"}
    rows = []
    for variant, e in own:
        if variant.tells == "score" if variant else e.metric in changed:
            label, metric = (variant.label, variant.metric) if variant else (ORIGINAL, e.metric)
            rows.append((label, metric, e.value, e.low, e.high, e.n, e.clusters, e.failed))
    return pd.DataFrame(rows, columns=["variant", "metric", "value", "low", "high", "n", "clusters", "failed"])


def flips(store: Store, run: str, task: str) -> pd.DataFrame:
    """Per variant: how many answers are others than to the original, and p of broken against fixed (McNemar).

    The index holds the names of the metrics that the shares come from.
    """
    own = [(record.variant, e) for record, e in _told(store, run, task) if record.variant]
    tests = {variant.label: e.value for variant, e in own if variant.tells == "test"}
    rows = {
        e.metric: (variant.label, e.value, e.low, e.high, e.n, tests.get(variant.label))
        for variant, e in own
        if variant.tells == "flips"
    }
    columns = ["variant", "share flipped", "low", "high", "changed examples", "p (McNemar)"]
    return pd.DataFrame(list(rows.values()), index=list(rows), columns=columns)


def _told(store: Store, run: str, task: str) -> Iterator[tuple[MetricRecord, Estimate]]:
    """The numbers of a task over all examples, each with what the run keeps of its metric."""
    metrics = store.run(run).metrics()
    for e in store.results(run):
        if e.task == task and e.slice == "all" and (e.task, e.metric) in metrics:
            yield metrics[e.task, e.metric], e
