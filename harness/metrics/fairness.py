"""How differently a model decides for groups: gaps in accuracy and in rates of decisions, the worst-off group.

A gap is the largest less the smallest rate of a group, as fairlearn's differences. It cannot be negative, so that
noise alone makes it positive: ``chance`` is the mean gap when the groups are shuffled among the examples, and a gap
beyond ``chance_high``, their 95th percentile, is more than chance shows in 19 of 20 shuffles (a permutation test).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import DataError, UnknownName
from harness.metrics import stats
from harness.metrics.classify import proportion, ratio
from harness.types import Chosen, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Array, Outcome

RATES = ("accuracy", "selection rate", "true-positive rate", "false-positive rate")
SHUFFLES = 200


@dataclass(frozen=True, slots=True)
class Decision:
    """One judged example: its group and cluster, whether it is right, whether the positive label was due and given.

    ``due`` and ``given`` are None where no label is the positive one; ``correct`` None where it is not known.
    """

    group: str
    cluster: str
    correct: bool | None
    due: bool | None = None
    given: bool | None = None


@dataclass(frozen=True, slots=True)
class GroupRate:
    """One rate of one group: value None where nobody in the group counts; ``n`` counts those that do."""

    rate: str
    group: str
    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A number over groups with its 95 % interval; ``highest`` and ``lowest`` name the groups it comes from."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    chance: float | None
    chance_high: float | None
    highest: str
    lowest: str
    n: int
    clusters: int


@dataclass(frozen=True, slots=True)
class Fairness:
    """All rates of all groups and the gaps between them."""

    rates: tuple[GroupRate, ...]
    gaps: tuple[Gap, ...]


def decisions(outcomes: Iterable[Outcome], by: str, positive: str | None = None) -> list[Decision]:
    """The judged examples that have a slice ``by``; ``positive`` names the label that counts as selected.

    Without it the second of two choices is the positive one; with more choices there is none.
    Raises UnknownName for a slice or a label that no example has, DataError where the slice has a single value.
    """
    judged = [o for o in outcomes if o.judged]
    held = [o for o in judged if by in o.example.slices]
    if not held:
        raise UnknownName("slice", by, {key for o in judged for key in o.example.slices})
    decided = [_decision(o, by, positive) for o in held]
    groups = {d.group for d in decided}
    if len(groups) < 2:
        raise DataError(f"slice {by!r} has one group only, {next(iter(groups))!r}: there is nothing to compare")
    if positive is not None and all(d.due is None for d in decided):
        raise UnknownName("label", positive, {c for o in held for c in _labels(o)})
    return decided


def _labels(outcome: Outcome) -> list[str]:
    return [str(choice).strip() for choice in outcome.example.fields.get("choices", ())]


def _decision(outcome: Outcome, by: str, positive: str | None) -> Decision:
    example, labels = outcome.example, _labels(outcome)
    first, target = outcome.responses[0], example.target
    label = labels[1] if positive is None and len(labels) == 2 else (positive or "").strip()
    chosen = len(outcome.responses) == 1 and isinstance(first, Chosen) and isinstance(target, int) and label in labels
    correct = outcome.judged.correct if outcome.judged else None
    if not chosen or not isinstance(first, Chosen):
        return Decision(example.slices[by], example.cluster_key, correct)
    return Decision(
        example.slices[by], example.cluster_key, correct, labels[target] == label, labels[first.picked] == label
    )


def compare_groups(decisions: Sequence[Decision], seed: int = 0) -> Fairness:
    """Rates and gaps of at least two groups; intervals resample whole clusters."""
    names = sorted({d.group for d in decisions})
    groups = np.array([names.index(d.group) for d in decisions])
    _, clusters = np.unique([d.cluster for d in decisions], return_inverse=True)
    counted = {rate: _counted(decisions, rate) for rate in RATES}
    rates = [
        _rate(rate, name, counted[rate][groups == i], clusters[groups == i])
        for rate in RATES
        for i, name in enumerate(names)
    ]
    wanted: list[tuple[str, tuple[str, ...], bool]] = [(f"{rate} gap", (rate,), False) for rate in RATES]
    wanted += [("equalized odds gap", RATES[2:], False), ("worst-group accuracy", ("accuracy",), True)]
    gaps = [
        _gap(name, [counted[r] for r in used], worst, groups, names, clusters, seed) for name, used, worst in wanted
    ]
    return Fairness(tuple(r for r in rates if r.n), tuple(g for g in gaps if g.n))


def _counted(decided: Sequence[Decision], rate: str) -> Array:
    """Rows (hit, counted) [n, 2] of one rate."""
    if rate == "accuracy":
        pairs = [(d.correct, d.correct is not None) for d in decided]
    elif rate == "selection rate":
        pairs = [(d.given, d.given is not None) for d in decided]
    else:
        pairs = [(d.given, d.due is (rate == "true-positive rate")) for d in decided]
    return np.array([(float(bool(hit and counts)), float(counts)) for hit, counts in pairs])


def _rate(rate: str, group: str, rows: Array, clusters: NDArray[np.int64]) -> GroupRate:
    kept = rows[:, 1] > 0
    if not kept.any():
        return GroupRate(rate, group, None, None, None, 0)
    hits = rows[kept, :1]
    low, high = stats.confidence(proportion(rate), hits, clusters[kept]) or (None, None)
    return GroupRate(rate, group, float(hits.mean()), low, high, len(hits))


def _spread(rows: Array, groups: NDArray[np.int64], count: int) -> Array:
    """Rows (hit, counted) as one-hot rows [n, 2 * count]: hits by group, then counted by group."""
    spread = np.zeros((len(rows), 2 * count))
    spread[np.arange(len(rows)), groups] = rows[:, 0]
    spread[np.arange(len(rows)), count + groups] = rows[:, 1]
    return spread


def gap_metric(name: str, count: int, rates: int, used: NDArray[np.bool_], worst: bool = False) -> Metric:
    """Of sums [..., rates * 2 * count]: the largest gap of a rate between the groups in ``used``, or the minimum.

    used [rates, count]: groups in which somebody counts. NaN where one of these is missing from a resample.
    """

    def reduce(sums: Array, n: Array) -> Array:
        parts = sums.reshape(*sums.shape[:-1], rates, 2, count)
        shares = ratio(parts[..., 0, :], parts[..., 1, :], np.nan)  # [..., rates, count]
        kept = [shares[..., i, used[i]] for i in range(rates)]
        if worst:
            return np.asarray(kept[0].min(-1))
        gaps: Array = np.stack([k.max(-1) - k.min(-1) for k in kept], -1).max(-1)
        return gaps

    return Metric(name=name, reduce=reduce, bounds=(0.0, 1.0), better="higher" if worst else "lower")


def _gap(
    name: str,
    counted: Sequence[Array],
    worst: bool,
    groups: NDArray[np.int64],
    names: Sequence[str],
    clusters: NDArray[np.int64],
    seed: int,
) -> Gap:
    count = len(names)
    rows = np.concatenate([_spread(c, groups, count) for c in counted], axis=1)
    sums = rows.sum(axis=0).reshape(len(counted), 2, count)
    used = sums[:, 1] > 0
    n = int((np.sum([c[:, 1] for c in counted], axis=0) > 0).sum())
    if (used.sum(axis=1) < (1 if worst else 2)).any():
        return Gap(name, None, None, None, None, None, "", "", n, 0)
    metric = gap_metric(name, count, len(counted), used, worst)
    value = stats.point(metric, rows)
    low, high = stats.bootstrap(metric, rows, clusters, seed=seed) or (None, None)
    if low == high:  # groups without a single exception: resampling tells nothing of how sure that is
        low = high = None
    shares = [np.where(used[i], ratio(sums[i, 0], sums[i, 1]), np.nan) for i in range(len(counted))]
    widest = max(shares, key=lambda s: float(np.nanmax(s) - np.nanmin(s)))
    chance, beyond = _by_chance(metric, counted, groups, clusters, count, seed)
    return Gap(
        name,
        value,
        low,
        high,
        chance,
        beyond,
        names[int(np.nanargmax(widest))],
        names[int(np.nanargmin(widest))],
        n,
        len(np.unique(clusters)),
    )


def _by_chance(
    metric: Metric,
    counted: Sequence[Array],
    groups: NDArray[np.int64],
    clusters: NDArray[np.int64],
    count: int,
    seed: int,
) -> tuple[float | None, float | None]:
    """Mean and 95th percentile (the 5th for the worst group) of the metric over SHUFFLES shuffles of the groups.

    Whole clusters are shuffled where each is in one group.
    """
    generator = np.random.default_rng(seed)
    heads, first = np.unique(clusters, return_index=True)
    whole = bool((groups[first][np.searchsorted(heads, clusters)] == groups).all())
    values = []
    for _ in range(SHUFFLES):
        mixed = (
            generator.permutation(groups[first])[np.searchsorted(heads, clusters)]
            if whole
            else generator.permutation(groups)
        )
        rows = np.concatenate([_spread(c, mixed, count) for c in counted], axis=1)
        values.append(float(metric.reduce(rows.sum(axis=0), np.asarray(float(len(rows))))))
    finite = [v for v in values if np.isfinite(v)]
    tail = 0.05 if metric.better == "higher" else 0.95
    return (float(np.mean(finite)), float(np.quantile(finite, tail))) if finite else (None, None)
