"""What a gate's own error rates are on stored answers: false alarms without a change, power against a planted drop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from harness.differences import Difference, answers, common_tasks, grouped, metrics_of, pairs_of, valued
from harness.errors import UsageError
from harness.gate import judge as gating
from harness.gate.rules import Gate, Rule
from harness.gate.verdicts import Verdict
from harness.metrics import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.store.store import Store
    from harness.types import Array, Metric


@dataclass(frozen=True, slots=True)
class Stored:
    """One metric of one task and slice in two runs: rows [n, k] each, cluster codes [n].

    ``alone``: both sides are one run.
    """

    task: str
    slice: str
    metric: Metric
    first: Array
    second: Array
    groups: NDArray[np.int64]
    alone: bool = False


@dataclass(frozen=True, slots=True)
class AlarmRate:
    """How often a rule failed in ``resamples``, without a change and with a drop; "*" stands for the whole gate."""

    rule: str
    n: int
    clusters: int
    alarms: int
    detected: int
    resamples: int

    @property
    def false_alarms(self) -> float:
        return self.alarms / self.resamples

    @property
    def power(self) -> float:
        return self.detected / self.resamples


def measure(
    gate: Gate, numbers: Sequence[Stored], *, drop: float, resamples: int = 1000, seed: int = 0
) -> list[AlarmRate]:
    """Judge the max_drop rules on ``resamples`` draws without a change, and on the same with ``drop`` planted.

    A draw takes whole clusters with replacement and lets a coin decide which of its two sides is the baseline, so that
    nothing has changed between the sides while they differ as much as they did. Where both sides are one run, the
    other side is the answers of another cluster of equal size, as of a run that shares nothing but its quality.
    Raises UsageError without a max_drop rule or for a drop that is not above 0.
    """
    rules = [rule for rule in gate.rules if rule.limit == "max_drop"]
    if not rules or not drop > 0:
        raise UsageError("a self-test needs a max_drop rule" if not rules else f"drop {drop} is not above 0")
    used = [number for number in numbers if number.metric.additive]  # resampling a rank statistic takes too long
    rows = [_compared(number) for number in used]
    claims = [(rule, claim) for rule in rules for claim in gating.claims(rule, rows)]
    read = {(row.task, row.metric, row.slice) for _, claim in claims for row in claim}
    used = [number for number in used if (number.task, number.metric.name, number.slice) in read]
    kept = replace(gate, rules=tuple(rules), quarantine=())
    generator = np.random.default_rng(seed)
    alarms: dict[str, int] = {}
    detected: dict[str, int] = {}
    for _ in range(resamples):
        drawn = [_draw(number, generator) for number in used]
        _count(alarms, kept, [_compared(number) for number in drawn])
        _count(detected, kept, [_compared(_worse(number, drop, generator), drop) for number in drawn])
    rates = []
    for rule, claim in claims:
        name, (n, clusters) = _name(rule, claim[0]), min((row.paired.n, row.paired.clusters) for row in claim)
        rates.append(AlarmRate(name, n, clusters, alarms.get(name, 0), detected.get(name, 0), resamples))
    return [*rates, AlarmRate("*", 0, 0, alarms.get("*", 0), detected.get("*", 0), resamples)]


def stored(
    store: Store, first: str, second: str, installed: Mapping[str, Mapping[str, Metric]], *, intersect: bool = False
) -> list[Stored]:
    """The numbers of two runs' common tasks, slices included, as arrays. Raises UsageError as ``compare`` does."""
    one, two = store.run(first), store.run(second)
    numbers = []
    for record, changed in common_tasks(one, two, (), intersect=intersect):
        ours = answers(store, one.id, record.name)
        theirs = ours if one.id == two.id else answers(store, two.id, record.name)
        pairs, _ = pairs_of(ours, theirs, same=changed)
        for name, part in grouped(pairs, slices=True).items():
            for metric in metrics_of(record, installed.get(record.name, {})):
                arrays = valued(metric, part)
                if arrays and arrays[2].max() > 0:
                    mine, other, groups, _ = arrays
                    numbers.append(Stored(record.name, name, metric, mine, other, groups, ours is theirs))
    return numbers


def _draw(number: Stored, generator: np.random.Generator) -> Stored:
    """Clusters with replacement, the two sides of each in a random order."""
    order = np.argsort(number.groups, kind="stable")
    sizes = np.bincount(number.groups)
    starts = np.cumsum(sizes) - sizes
    chosen = generator.integers(len(sizes), size=len(sizes))
    other = _partners(chosen, sizes, generator) if number.alone else chosen
    rows, twins = (_members(picked, starts, sizes, order) for picked in (chosen, other))
    groups = np.repeat(np.arange(len(chosen)), sizes[chosen])
    swap = (generator.random(len(chosen)) < 0.5)[groups][:, None]
    one, two = number.first[rows], number.second[twins]
    return replace(number, first=np.where(swap, two, one), second=np.where(swap, one, two), groups=groups)


def _partners(chosen: NDArray[np.int64], sizes: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """For every chosen cluster another draw among the clusters of its size."""
    by_size = np.argsort(sizes, kind="stable")
    ordered = sizes[by_size]
    low, high = (np.searchsorted(ordered, sizes[chosen], side) for side in ("left", "right"))
    return np.asarray(by_size[low + (generator.random(len(chosen)) * (high - low)).astype(np.int64)])


def _members(
    chosen: NDArray[np.int64], starts: NDArray[np.int64], sizes: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Positions of the rows of the chosen clusters, one cluster after the other."""
    taken = sizes[chosen]
    within = np.arange(taken.sum()) - np.repeat(np.cumsum(taken) - taken, taken)
    return np.asarray(order[np.repeat(starts[chosen], taken) + within])


def _worse(number: Stored, drop: float, generator: np.random.Generator) -> Stored:
    """A proportion's second side with so many of its right answers wrong that it drops by ``drop`` on average."""
    if number.metric.interval != "wilson" or number.second.shape[1] != 1:
        return number
    metric = number.metric
    above = metric.better == "ideal" and metric.scale * number.second.mean() >= (metric.ideal or 0.0)
    from_value = 0.0 if metric.better == "lower" or above else 1.0  # away from an ideal
    eligible = number.second == from_value
    share = eligible.mean()
    hit = eligible & (generator.random(eligible.shape) < (min(1.0, drop / share) if share else 0.0))
    return replace(number, second=np.where(hit, 1.0 - from_value, number.second))


def _compared(number: Stored, shift: float = 0.0) -> Difference:
    """The comparison that the gate reads; everything but a proportion is shifted by ``shift`` for the worse."""
    metric = number.metric
    result = stats.paired(metric, number.first, number.second, number.groups, tested=False)
    if not np.isfinite(result.difference):  # undefined in this draw: it cannot fail
        result = replace(result, difference=0.0, error=None)
    if shift and (metric.interval != "wilson" or number.second.shape[1] != 1):
        up = metric.better == "lower" or (metric.better == "ideal" and result.second >= (metric.ideal or 0.0))
        moved = shift if up else -shift
        result = replace(result, second=result.second + moved, difference=result.difference + moved)
    return Difference(
        number.task, metric.name, number.slice, metric.better, metric.ideal, result, None, None, 0, 0, 0, 0
    )


def _count(counts: dict[str, int], gate: Gate, rows: Sequence[Difference]) -> None:
    failed = {_name(v.rule, v) for v in gating.judge(gate, rows, [], date.min) if v.state == "FAIL"}
    for name in failed | ({"*"} if failed else set()):
        counts[name] = counts.get(name, 0) + 1


def _name(rule: Rule, about: Difference | Verdict) -> str:
    """A rule on a task's metric and slice; of "worst" no single slice is meant."""
    where = {"all": "", "worst": "[worst]"}.get(rule.slices, "" if about.slice == "all" else f"[{about.slice}]")
    return f"{about.task}:{about.metric}{where} max_drop {rule.margin:g}"
