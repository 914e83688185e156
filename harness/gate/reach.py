"""What a gate could see with as many examples as a stored run has, told before anything else is asked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.gate.judge import BOUNDS, claims, failed_rates
from harness.gate.rules import FAILED_RATE, Gate, Rule
from harness.gate.wording import Records, about, bound, margin, record_of
from harness.metrics import stats
from harness.types import Estimate, MetricRecord

SHARED = 0.5
"""Correlation that is assumed between the values of two runs on the same examples: the difference of two numbers is
then as uncertain as each of them."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far one number has to move to fail a rule.

    ``fails``: the change that fails with a power of 80 %, in units of the metric: from the baseline for max_drop, from
    the bound for others; None where there is no interval. ``holds``: the n from which a run that has truly lost nothing
    holds with the same power. ``record`` tells the unit.
    """

    rule: Rule
    task: str
    metric: str
    slice: str
    n: int
    fails: float | None
    holds: int | None = None
    record: MetricRecord | None = None

    def __str__(self) -> str:
        where = f"{self.task}:{self.metric}" + f"[{self.slice}]" * (self.slice != "all")
        own = margin if self.rule.limit == "max_drop" else bound
        head = f"{where} {self.rule.limit} {own(self.rule.margin, self.record)} with {self.n:,} questions:"
        if self.rule.mode == "strict" or self.metric == FAILED_RATE:
            return f"{head} the number itself decides"
        if self.fails is None:
            return f"{head} cannot be decided, for it has no interval"
        if self.rule.limit != "max_drop":
            return f"{head} fails where the value is about {about(self.fails, self.record)} beyond it"
        text = f"{head} fails from a drop of about {about(self.fails, self.record)} on"
        if self.holds is None:
            return f"{text}; no number of questions shows that nothing is lost at all"
        needs = "these are enough" if self.holds <= self.n else f"it takes about {self.holds:,}"
        return f"{text}; to hold where nothing is truly lost, {needs}"


def reaches(gate: Gate, estimates: Sequence[Estimate], metrics: Records) -> list[Reach]:
    """Every rule but those on energy, on every number of a run that it matches; ``metrics`` are the run's.

    Raises UnknownName for a rule that matches nothing.
    """
    numbers = [*estimates, *failed_rates(estimates)]
    drops = [(rule, rows) for rule in gate.rules if rule.limit == "max_drop" for rows in claims(rule, estimates)]
    bounds = [(rule, rows) for rule in gate.rules if rule.limit in BOUNDS for rows in claims(rule, numbers)]
    tested = len(drops) if gate.correction == "holm" else 1
    of_drops = [_reach(rule, row, gate.alpha / tested / len(rows)) for rule, rows in drops for row in rows]
    of_bounds = [_reach(rule, row, 0.05 / len(rows)) for rule, rows in bounds for row in rows]
    return [replace(one, record=record_of(metrics, one.task, one.metric)) for one in of_drops + of_bounds]


def _reach(rule: Rule, row: Estimate, alpha: float) -> Reach:
    if row.low is None or row.high is None or row.clusters < 2:
        return Reach(rule, row.task, row.metric, row.slice, row.n, None)
    freedom = row.clusters - 1
    error = stats.error_of(row.low, row.high, freedom)
    if rule.limit != "max_drop":
        return Reach(rule, row.task, row.metric, row.slice, row.n, stats.detectable(error, freedom, alpha=alpha))
    error *= math.sqrt(2 * (1 - SHARED))
    fails = rule.margin + stats.detectable(error, freedom, alpha=alpha)
    holds = None
    if rule.margin > 0:  # the upper end of the interval must lie within the margin, four times of five
        holds = max(2, math.ceil(row.n * (stats.detectable(error, freedom, alpha=alpha) / rule.margin) ** 2))
    return Reach(rule, row.task, row.metric, row.slice, row.n, fails, holds)
