"""Scores of items that a corpus holds beside those that it does not, and beside another model's on the same items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.contamination.rules import Verdict
from harness.metrics import stats
from harness.metrics.classify import ratio
from harness.metrics.estimate import cluster_codes, estimate
from harness.metrics.intervals import Ends, difference_bounds
from harness.types import Estimate, Metric, Outcome

if TYPE_CHECKING:
    from harness.types import Array


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


def _reduce(sums: "Array", n: "Array") -> "Array":
    dirty, clean = ratio(sums[..., 0], sums[..., 1], np.nan), ratio(sums[..., 2], sums[..., 3], np.nan)
    return np.asarray(dirty - clean)


GAP = Metric(name="dirty_less_clean", reduce=_reduce)
"""Its bounds are those of a difference of the scores; see ``_gap``."""


def scores(task: str, metric: Metric, outcomes: Sequence[Outcome], verdicts: Mapping[str, Verdict]) -> list[Estimate]:
    """A metric over all items, the dirty and the clean ones."""
    groups = {name: [o for o in outcomes if verdicts.get(o.example.id) == name] for name in ("dirty", "clean")}
    return [estimate(task, metric, name, group) for name, group in {"all": list(outcomes), **groups}.items()]


def gap(metric: Metric, outcomes: Sequence[Outcome], verdicts: Mapping[str, Verdict]) -> ScoreGap:
    """Mean of the dirty items less mean of the clean ones, of a metric with one number for each example."""
    bounds = difference_bounds(*metric.bounds)
    return _gap(outcomes, [_value(metric, o) for o in outcomes], verdicts, bounds)


def difference_in_difference(
    metric: Metric, outcomes: Sequence[Outcome], reference: Sequence[Outcome], verdicts: Mapping[str, Verdict]
) -> ScoreGap:
    """The gap of a model less that of a reference model on the same items: easier items are easier for both."""
    theirs = {o.example.id: _value(metric, o) for o in reference}
    values = []
    for outcome in outcomes:
        own, other = _value(metric, outcome), theirs.get(outcome.example.id)
        values.append(None if own is None or other is None else own - other)
    bounds = difference_bounds(*difference_bounds(*metric.bounds))
    return _gap(outcomes, values, verdicts, bounds)


def _value(metric: Metric, outcome: Outcome) -> float | None:
    """One example's number in the metric's own units: 0 or 100 of a share in percent."""
    value = outcome.judged.values.get(metric.name) if outcome.judged else None
    return metric.scale * value if isinstance(value, int | float) else None


def _gap(
    outcomes: Sequence[Outcome], values: Sequence[float | None], verdicts: Mapping[str, Verdict], bounds: Ends
) -> ScoreGap:
    kept = [
        (o.example, value, verdicts[o.example.id])
        for o, value in zip(outcomes, values, strict=True)
        if value is not None and verdicts.get(o.example.id) in ("dirty", "clean")
    ]
    dirty = sum(verdict == "dirty" for _, _, verdict in kept)
    clean = len(kept) - dirty
    if not dirty or not clean:
        return ScoreGap(None, None, None, dirty, clean)
    rows = np.array([(v, 1.0, 0.0, 0.0) if verdict == "dirty" else (0.0, 0.0, v, 1.0) for _, v, verdict in kept])
    clusters = cluster_codes(example for example, _, _ in kept)
    low, high = stats.confidence(replace(GAP, bounds=bounds), rows, clusters) or (None, None)
    return ScoreGap(stats.point(GAP, rows), low, high, dirty, clean)
