"""Scores of items that a corpus holds beside those that it does not, and beside another model's on the same items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.contamination.rules import Verdict
from harness.metrics import stats
from harness.metrics.classify import mean
from harness.metrics.estimate import cluster_codes, estimate
from harness.metrics.intervals import Ends, difference_bounds, independent_difference
from harness.types import Estimate, Example, Metric, Outcome


@dataclass(frozen=True, slots=True)
class ScoreGap:
    """A difference with its 95 % interval; None where it is undefined or has none."""

    value: float | None
    low: float | None
    high: float | None
    dirty: int
    clean: int

    @property
    def words(self) -> str:
        """What it says, and no more than that."""
        if self.value is None or self.low is None or self.high is None:
            return "not enough items on both sides to tell"
        if self.low <= 0 <= self.high:
            return "no difference between seen and unseen items is shown"
        return (
            f"seen items score {'higher' if self.value > 0 else 'lower'} than the others, beyond chance; "
            "they may also be easier, and having been seen is not shown to be the cause"
        )


def scores(task: str, metric: Metric, outcomes: Sequence[Outcome], verdicts: Mapping[str, Verdict]) -> list[Estimate]:
    """A metric over all items, the dirty and the clean ones."""
    groups = {name: [o for o in outcomes if verdicts.get(o.example.id) == name] for name in ("dirty", "clean")}
    return [estimate(task, metric, name, group) for name, group in {"all": list(outcomes), **groups}.items()]


def gap(metric: Metric, outcomes: Sequence[Outcome], verdicts: Mapping[str, Verdict]) -> ScoreGap:
    """Mean of the dirty items less mean of the clean ones, of a metric with one number for each example."""
    return _gap(metric, outcomes, [_value(metric, o) for o in outcomes], verdicts)


def difference_in_difference(
    metric: Metric, outcomes: Sequence[Outcome], reference: Sequence[Outcome], verdicts: Mapping[str, Verdict]
) -> ScoreGap:
    """The gap of a model less that of a reference model on the same items: easier items are easier for both."""
    theirs = {o.example.id: _value(metric, o) for o in reference}
    values = []
    for outcome in outcomes:
        own, other = _value(metric, outcome), theirs.get(outcome.example.id)
        values.append(None if own is None or other is None else own - other)
    bounds = difference_bounds(*metric.bounds)
    return _gap(mean("change", bounds=bounds), outcomes, values, verdicts)


def _value(metric: Metric, outcome: Outcome) -> float | None:
    """One example's number in the metric's own units: 0 or 100 of a share in percent."""
    value = outcome.judged.values.get(metric.name) if outcome.judged else None
    return metric.scale * value if isinstance(value, int | float) else None


def _gap(
    metric: Metric, outcomes: Sequence[Outcome], values: Sequence[float | None], verdicts: Mapping[str, Verdict]
) -> ScoreGap:
    """Each side has the interval of its own number, of a share Wilson's: few seen items that are all right tell little.

    The sides are of different items, so the distances to their ends add as errors do (MOVER, Zou and Donner 2008).
    """
    sides: dict[str, list[tuple[Example, float]]] = {"dirty": [], "clean": []}
    for outcome, value in zip(outcomes, values, strict=True):
        verdict = verdicts.get(outcome.example.id)
        if value is not None and verdict in sides:
            sides[verdict].append((outcome.example, value))
    counts = {name: len(side) for name, side in sides.items()}
    if not all(counts.values()):
        return ScoreGap(None, None, None, **counts)
    (dirty, dirty_ends), (clean, clean_ends) = (_mean(metric, side) for side in sides.values())
    if dirty_ends is None or clean_ends is None:
        return ScoreGap(dirty - clean, None, None, **counts)
    low, high = independent_difference(dirty, dirty_ends, clean, clean_ends)
    return ScoreGap(dirty - clean, low, high, **counts)


def _mean(metric: Metric, side: Sequence[tuple[Example, float]]) -> tuple[float, Ends | None]:
    rows = np.array([value / metric.scale for _, value in side])[:, None]
    clusters = cluster_codes(example for example, _ in side)
    return stats.point(metric, rows), stats.confidence(metric, rows, clusters)
