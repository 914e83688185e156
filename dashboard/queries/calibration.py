"""Calibration from the stored choice probabilities, and accuracy under perturbation; no Streamlit in here."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics import calibrate, stats
from harness.metrics.classify import proportion
from harness.store import Store

MOST = 50_000
"""Samples that are read at most: a diagram does not get better by more."""

STORED, FLIPS, ORIGINAL = "ece_width_10", "flip_rate:", "original"


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
    found = [confidence(*texts) for texts in zip(frame["values"], frame["responses"], strict=True)]
    usable = np.array([c is not None for c in found], dtype=bool) & frame["correct"].notna().to_numpy()
    kept = frame[usable]
    rows = np.array(
        [(c, float(right)) for c, right in zip(np.array(found, dtype=object)[usable], kept["correct"], strict=True)]
    ).reshape(-1, 2)
    groups = pd.factorize(kept["cluster"].where(kept["cluster"].notna(), "example " + kept["example_id"]))[0]
    unread = max(0, store.artifact(run, task).rows - MOST)
    return Calibration(_bins(rows, groups, kind), _metrics(rows), len(rows), len(frame) - len(rows), unread)


def confidence(values: str | None, responses: str) -> float | None:
    """The probability of the picked choice among the choices; None for an answer that has none.

    It stands in the values of a run that judged its calibration, and follows from the single response of any other.
    """
    stored = json.loads(values).get(STORED) if isinstance(values, str) else None
    if stored:
        return float(stored[0])
    answers = json.loads(responses)
    if len(answers) != 1 or not answers[0].get("logprobs"):
        return None
    shares = calibrate.probabilities([float(p) for p in answers[0]["logprobs"]])
    return None if shares is None else float(shares[answers[0]["picked"]])


def _bins(rows: Array, groups: NDArray[np.int64], kind: str) -> pd.DataFrame:
    """One row per bin that holds a sample, with the interval of its accuracy (clusters counted as such)."""
    places = calibrate.PLACES[kind](rows[:, 0]) if len(rows) else np.array([], dtype=int)
    made = []
    for place in np.unique(places):
        inside = rows[places == place]
        low, high = stats.confidence(proportion("acc"), inside[:, 1:], groups[places == place]) or (None, None)
        edges = f"{inside[:, 0].min():.2f}-{inside[:, 0].max():.2f}"
        made.append((edges, len(inside), inside[:, 0].mean(), inside[:, 1].mean(), low, high))
    return pd.DataFrame(made, columns=["bin", "n", "confidence", "accuracy", "low", "high"])


def _metrics(rows: Array) -> pd.DataFrame:
    """Every calibration metric that (confidence, correct) is enough for."""
    paired = [metric for metric in calibrate.METRICS if metric.name in calibrate.PAIRED] if len(rows) else []
    found = [(m.name, stats.point(m, rows), m.better, m.limits) for m in paired]
    return pd.DataFrame(found, columns=["metric", "value", "better", "limits"])


def variants(store: Store, run: str, task: str) -> pd.DataFrame:
    """Numbers of the original and of its perturbed variants (metrics ``METRIC:VARIANT``). Empty without variants."""
    own = [(*e.metric.partition(":")[::2], e) for e in store.results(run) if e.task == task and e.slice == "all"]
    plain = {metric for metric, variant, _ in own if not variant}
    changed = {metric for metric, variant, _ in own if variant and metric in plain}
    rows = [
        (variant or ORIGINAL, metric, e.value, e.low, e.high, e.n, e.clusters, e.failed)
        for metric, variant, e in own
        if metric in changed
    ]
    return pd.DataFrame(rows, columns=["variant", "metric", "value", "low", "high", "n", "clusters", "failed"])


def flips(store: Store, run: str, task: str) -> pd.DataFrame:
    """Per variant: how many answers are others than to the original, and p of broken against fixed (McNemar)."""
    found = {e.metric: e for e in store.results(run) if e.task == task and e.slice == "all"}
    rows = []
    for name, rate in found.items():
        if name.startswith(FLIPS):
            label = name.removeprefix(FLIPS)
            p = found.get(f"mcnemar_p:{label}")
            rows.append((label, rate.value, rate.low, rate.high, rate.n, p.value if p else None))
    return pd.DataFrame(rows, columns=["variant", "share flipped", "low", "high", "changed examples", "p (McNemar)"])
