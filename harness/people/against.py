"""The metrics of stored runs held against what people said of the same answers; people and a metric together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import UnknownName, UsageError, listed
from harness.metrics.stats import holm
from harness.metrics.stored import restored
from harness.people import meta
from harness.people.answers import number
from harness.people.prediction_powered import Powered, powered_mean
from harness.people.ratings import Collected, collect

if TYPE_CHECKING:
    from harness.people.ratings import Codes
    from harness.store import Store
    from harness.types import Array, Judged, Metric, Outcome

DRAWS = 500
"""Swaps of a paired test of two metrics."""
FEWEST_SYSTEMS = 3
"""Systems below which a correlation of systems says nothing."""


@dataclass(frozen=True, slots=True)
class MetricAgrees:
    """One metric against people, by one statistic."""

    metric: str
    agrees: meta.Agrees


@dataclass(frozen=True, slots=True)
class PairTest:
    """Two metrics: how much closer the second is to people than the first; ``adjusted``: p for all pairs (Holm)."""

    first: str
    second: str
    statistic: str
    difference: float
    p: float
    adjusted: float


@dataclass(frozen=True, slots=True)
class MetaReport:
    """Metrics against people: ``examples`` with ratings, ``scores`` that people gave a text of a run, ``missing`` those
    of them that a metric lacks, by metric; ``left_out``: metrics that have no value of a single example.
    """

    campaign: str
    systems: tuple[str, ...]
    examples: int
    scores: int
    missing: dict[str, int]
    left_out: tuple[str, ...]
    rows: tuple[MetricAgrees, ...]
    tests: tuple[PairTest, ...]


def against(
    store: Store, runs: Sequence[str], campaign: str, metrics: Sequence[str] = (), statistic: str = "segment_pearson"
) -> MetaReport:
    """Hold the metrics of runs against a campaign that rated them; ``metrics``: only these; pairs are tested by
    ``statistic``.

    Raises UsageError for runs that were not rated and for a campaign without ratings, UnknownName for another metric.
    """
    collected = collect(store, campaign)
    ids = tuple(store.run(name).id for name in runs) or collected.campaign.runs
    strangers = [run for run in ids if run not in collected.campaign.runs]
    if strangers:
        raise UsageError(
            f"campaign {campaign} did not rate the runs {listed(strangers)}; it rated {listed(collected.campaign.runs)}"
        )
    human, examples, clusters = people_matrix(collected, ids)
    known, left_out = single_metrics(store, collected, ids[0])
    for name in metrics:
        if name not in known:
            raise UnknownName(f"metric of {collected.campaign.task} with a value of every example", name, known)
    chosen = {name: known[name] for name in (metrics or known)}
    judged = [_judged(store.outcomes(run, collected.campaign.task)) for run in ids]
    sides = {name: metric_matrix(judged, metric, examples) for name, metric in chosen.items()}
    statistics = [name for name in meta.STATISTICS if len(ids) >= FEWEST_SYSTEMS or name.startswith("segment_")]
    rows = [
        MetricAgrees(name, meta.agrees(human, side, one, clusters))
        for name, side in sides.items()
        for one in statistics
    ]
    missing = {name: int((~np.isnan(human) & np.isnan(side)).sum()) for name, side in sides.items()}
    tests = _tests(human, sides, statistic, clusters)
    return MetaReport(
        collected.campaign.id,
        tuple(collected.models[run] for run in ids),
        len(examples),
        int((~np.isnan(human)).sum()),
        missing,
        left_out,
        tuple(rows),
        tests,
    )


def people_matrix(collected: Collected, runs: Sequence[str]) -> tuple[Array, list[str], Codes]:
    """(mean rating [examples, runs], higher better; examples; clusters [examples]). Raises UsageError without any.

    A preference gives each of its two texts its share of the win.
    """
    if collected.campaign.kind == "labels":
        raise UsageError("labels have no order: metrics cannot be held against them")
    said: dict[tuple[str, str], list[float]] = {}
    clusters: dict[str, str] = {}
    for one in collected.judged:
        value = number(collected.campaign, one.rating.answer)
        values = {"preference": (value, 1 - value), "mqm": (-value,)}.get(collected.campaign.kind, (value,))
        clusters[one.item.example] = one.item.cluster
        for run, score in zip(one.item.runs, values, strict=True):
            said.setdefault((one.item.example, run), []).append(score)
    examples = sorted(clusters)
    if not examples:
        raise UsageError(f"campaign {collected.campaign.id} has no ratings yet")
    table = np.array([[np.mean(said.get((e, run), [np.nan])) for run in runs] for e in examples], dtype=float)
    return table, examples, np.unique([clusters[e] for e in examples], return_inverse=True)[1]


def single_metrics(store: Store, collected: Collected, run: str) -> tuple[dict[str, Metric], tuple[str, ...]]:
    """(metrics that give every example a number of a known direction, names of the others) of the campaign's task."""
    record = next(task for task in store.run(run).tasks if task.name == collected.campaign.task)
    metrics = [(kept.name, restored(kept)) for kept in record.metrics]
    usable = {name: metric for name, metric in metrics if metric and metric.additive and metric.better != "ideal"}
    return usable, tuple(name for name, _ in metrics if name not in usable)


def metric_matrix(runs: Sequence[Mapping[str, Judged | None]], metric: Metric, examples: Sequence[str]) -> Array:
    """A metric's value of each example [examples, runs], turned so that higher is better; NaN where there is none."""
    columns = [[_value(metric, judged.get(example)) for example in examples] for judged in runs]
    return np.array(columns, dtype=float).T * (-1.0 if metric.better == "lower" else 1.0)


def _judged(outcomes: Iterable[Outcome]) -> dict[str, Judged | None]:
    return {one.example.id: one.judged for one in outcomes}


def _value(metric: Metric, judged: Judged | None) -> float:
    if judged is None or metric.name not in judged.values:
        return float("nan")
    row = np.atleast_1d(np.asarray(judged.values[metric.name], dtype=float))
    return float(metric.reduce(row, np.asarray(1.0)))


def _tests(human: Array, sides: dict[str, Array], statistic: str, clusters: Codes) -> tuple[PairTest, ...]:
    pairs = [
        (one, two, meta.compare_metrics(human, sides[one], sides[two], statistic, clusters=clusters, draws=DRAWS))
        for one, two in combinations(sides, 2)
    ]
    defined = [(one, two, test) for one, two, test in pairs if np.isfinite(test.difference)]
    adjusted = holm([test.p for _, _, test in defined])
    return tuple(
        PairTest(one, two, statistic, test.difference, test.p, p)
        for (one, two, test), p in zip(defined, adjusted, strict=True)
    )


# ---------------------------------------------------------------------------------------------------- people and metric
@dataclass(frozen=True, slots=True)
class Together:
    """The mean rating that people would give all answers of a run, from theirs of some and a metric of all (PPI++).

    The metric is put on the scale of the ratings first, so that its ``trust`` is about their correlation.

    ``unjudged``: answers that the metric has no value of, which are left out.
    """

    system: str
    metric: str
    powered: Powered
    unjudged: int


def together(store: Store, campaign: str, metric: str) -> tuple[Together, ...]:
    """Every run of a campaign. Raises UsageError for preferences and labels, UnknownName for another metric."""
    return together_in(store, collect(store, campaign), metric)


def together_in(store: Store, collected: Collected, metric: str) -> tuple[Together, ...]:
    """``together`` for a campaign whose ratings are read already."""
    if collected.campaign.kind in ("preference", "labels"):
        asked = f"campaign {collected.campaign.id} asks for {collected.campaign.kind}"
        raise UsageError(f"{asked}: people and a metric are joined for scores")
    known, _ = single_metrics(store, collected, collected.campaign.runs[0])
    if metric not in known:
        raise UnknownName(f"metric of {collected.campaign.task} with a value of every example", metric, known)
    human, rated, _ = people_matrix(collected, collected.campaign.runs)
    sign = -1.0 if collected.campaign.kind == "mqm" else 1.0
    results = []
    for column, run in enumerate(collected.campaign.runs):
        outcomes = list(store.outcomes(run, collected.campaign.task))
        examples = [one.example for one in outcomes]
        judge = metric_matrix([_judged(outcomes)], known[metric], [e.id for e in examples])[:, 0]
        labels = dict(zip(rated, sign * human[:, column], strict=True))
        kept = np.isfinite(judge)
        values = np.array([labels.get(e.id, np.nan) for e in examples])[kept]
        clusters = np.unique([e.cluster or e.id for e in examples], return_inverse=True)[1][kept]
        mean = powered_mean(values, _on_scale(sign * judge[kept], values), clusters)
        results.append(Together(collected.models[run], metric, mean, int((~kept).sum())))
    return tuple(results)


def _on_scale(judge: Array, labels: Array) -> Array:
    """A metric with the spread that the labels have where there are some."""
    known = ~np.isnan(labels)
    spread = float(judge[known].std()) if known.any() else 0.0
    return judge * (float(labels[known].std()) / spread) if spread > 0 else judge
