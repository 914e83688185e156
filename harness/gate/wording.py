"""The numbers of a gate in words: shares in percent, differences of them in points, as everywhere in the project."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from harness.gate.rules import FAILED_RATE, Rule
from harness.metrics import words
from harness.types import MetricRecord

Records = Mapping[tuple[str, str], MetricRecord]
"""What a run keeps of its metrics, by task and name."""

FAILURES = MetricRecord(name=FAILED_RATE, interval="wilson")
"""The share of failed answers, which no run keeps a metric of."""


def record_of(metrics: Records, task: str, metric: str) -> MetricRecord | None:
    """What tells the unit of a number; None where nothing is kept of it."""
    return FAILURES if metric == FAILED_RATE else metrics.get((task, metric))


def record_for(rule: Rule, metrics: Records) -> MetricRecord | None:
    """One that tells the unit of a rule's margin; None where the metrics that it matches are not of one unit."""
    if rule.metric.endswith(f":{FAILED_RATE}"):
        return FAILURES
    own = [record for (task, name), record in metrics.items() if fnmatchcase(f"{task}:{name}", rule.metric)]
    return own[0] if len({words.factor(record) for record in own}) == 1 else None


def bound(x: float, record: MetricRecord | None) -> str:
    """A limit as it was written, ``62.5 %``: it is not rounded to four digits as what is measured is."""
    times, unit = words.factor(record)
    return f"{times * x:g}{unit}"


def margin(x: float, record: MetricRecord | None) -> str:
    """A difference that a rule allows, as it was written: ``2 points``."""
    times, unit = words.factor(record)
    told = f"{times * x:g}"
    return words.in_points(told) if unit else told


def about(x: float, record: MetricRecord | None) -> str:
    """A difference that is only foretold, with two digits: ``31 points``."""
    return words.points(float(f"{x:.2g}"), record)


def allowed(rule: Rule, record: MetricRecord | None) -> str:
    """The values that a rule on a bound allows."""
    return {
        "max": f"at most {bound(rule.margin, record)}",
        "min": f"at least {bound(rule.margin, record)}",
        "max_abs": f"{bound(-rule.margin, record)} to {bound(rule.margin, record)}",
    }[rule.limit]


def explain(rule: Rule, alpha: float, record: MetricRecord | None = None) -> str:
    """The rule in words; ``record`` tells in which unit its margin is told."""
    between = f"must lie between {bound(-rule.margin, record)} and {bound(rule.margin, record)}"
    what = {
        "max_drop": f"must not be worse than the baseline by more than {margin(rule.margin, record)}",
        "max": f"must be at most {bound(rule.margin, record)}",
        "min": f"must be at least {bound(rule.margin, record)}",
        "max_abs": between,
        "max_rise": f"must not rise above the baseline's by more than {rule.margin:.1%}",
    }[rule.limit]
    where = {
        "all": "over all examples",
        "each": "over all examples and on every slice",
        "worst": "on the worst slice (corrected for how many there are)",
    }.get(rule.slices, f"on {rule.slices}")
    strict = rule.limit == "max_rise" or rule.mode == "strict" or rule.metric.endswith(f":{FAILED_RATE}")
    how = "the number itself is compared" if strict else f"its interval decides (alpha {alpha:g}, two-sided)"
    return f"{rule.metric} {what} {where}; {how}; inconclusive: {rule.on_inconclusive}"
