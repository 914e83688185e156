"""Rules on a run: each PASS, FAIL or INCONCLUSIVE from an interval against its margin."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

from harness.errors import UnknownName, UsageError, listed
from harness.gate.rules import FAILED_RATE, Gate, Rule
from harness.gate.verdicts import SEVERITY, State, Verdict
from harness.gate.wording import Records, allowed, margin, record_of
from harness.metrics import stats, words

if TYPE_CHECKING:
    from harness.differences import Difference
    from harness.types import Estimate, MetricRecord, Run

Number = TypeVar("Number", "Difference", "Estimate")
BOUNDS = ("max", "min", "max_abs")
NO_RECORDS: Records = {}
ROUNDING = 1e-9
"""What a difference of two floats may be beyond a margin that it equals."""
MOST = 1e4
"""A standard error that is so many times the distance to the margin needs about 10^9 times the examples."""


# ----------------------------------------------------------------------------------------------- what a rule is about
def matches(rule: Rule, task: str, metric: str, slice: str) -> bool:
    """Whether a rule is about this number."""
    wanted = {"all": slice == "all", "each": True, "worst": slice != "all"}.get(rule.slices)
    about = fnmatchcase(slice, rule.slices) if wanted is None else wanted
    return about and fnmatchcase(f"{task}:{metric}", rule.metric)


def claims(rule: Rule, numbers: Sequence[Number]) -> list[list[Number]]:
    """The numbers of each verdict: one, or for "worst" all slices of a task's metric.

    Raises UnknownName for a rule that matches nothing, with the nearest task, metric or slice.
    """
    matching = [row for row in numbers if matches(rule, row.task, row.metric, row.slice)]
    if not matching:
        raise _unmatched(rule, {(row.task, row.metric, row.slice) for row in numbers})
    if rule.slices != "worst":
        return [[row] for row in matching]
    groups: dict[tuple[str, str], list[Number]] = {}
    for row in matching:
        groups.setdefault((row.task, row.metric), []).append(row)
    return list(groups.values())


def _unmatched(rule: Rule, numbers: set[tuple[str, str, str]]) -> UnknownName:
    """Says which part of a rule fits no number, and the nearest that would."""
    task, _, metric = rule.metric.rpartition(":")
    where = f"of the run for the rule {rule.metric!r} {rule.limit} (slices {rule.slices!r}):"
    tasks = {t for t, _, _ in numbers}
    metrics = {m for t, m, _ in numbers if fnmatchcase(t, task)}
    if not metrics:
        return UnknownName(f"task {where}", task, tasks)
    if not any(fnmatchcase(m, metric) for m in metrics):
        return UnknownName(f"metric {where}", metric, metrics)
    return UnknownName(f"slice {where}", rule.slices, {s for _, _, s in numbers} - {"all"})


# -------------------------------------------------------------------------------------------------------------- drops
def drop_of(row: Difference, difference: float | None = None) -> float:
    """How much worse the second run is: negative where it is better; distance to the ideal for such metrics.

    ``difference``: one that it might have been instead of what was seen.
    """
    change = row.paired.difference if difference is None else difference
    if row.better == "ideal" and row.ideal is not None:
        gap = row.paired.first - row.ideal
        return abs(gap + change) - abs(gap)
    return change if row.better == "lower" else 0.0 - change


def drop_interval(row: Difference, level: float) -> tuple[float, float] | None:
    """The drops that the interval of the difference at ``level`` allows; None where there is no interval."""
    ends = row.paired.interval(level)
    if ends is None:
        return None
    drops = [drop_of(row, end) for end in ends]
    if row.better == "ideal" and row.ideal is not None and ends[0] < row.ideal - row.paired.first < ends[1]:
        drops.append(drop_of(row, row.ideal - row.paired.first))
    return min(drops), max(drops)


def violation_p(row: Difference, margin: float) -> float | None:
    """Two-sided p of the difference whose drop is just ``margin``; 1 where less was lost, None without an interval.

    Two-sided, so that the gate fails exactly where the two-sided interval lies beyond the margin.
    """
    if not drop_of(row) > margin:
        return 1.0 if row.paired.p_of(0.0) is not None else None
    if row.better == "ideal" and row.ideal is not None:
        gap = row.paired.first - row.ideal
        reach = math.copysign(abs(gap) + margin, gap + row.paired.difference)
        return row.paired.p_of(reach - gap)
    return row.paired.p_of(margin if row.better == "lower" else -margin)


def worst_p(rule: Rule, rows: Sequence[Difference]) -> float | None:
    """The smallest p of a claim's rows times their number (Bonferroni); None where nothing is tested."""
    ps = [violation_p(row, rule.margin) for row in rows] if rule.mode == "interval" else []
    tested = [p for p in ps if p is not None]
    return min(1.0, len(rows) * min(tested)) if tested else None


def check_drops(
    rule: Rule, rows: Sequence[Difference], alpha: float, p: float | None, metrics: Records = NO_RECORDS
) -> Verdict:
    """The verdict on a claim: on its worst row, each with an interval at alpha / number of rows."""
    ps = [violation_p(row, rule.margin) for row in rows]
    least = min((x for x in ps if x is not None), default=None)
    checks = [
        (check_drop(rule, row, alpha, p if own == least else None, len(rows), metrics), drop_of(row))
        for row, own in zip(rows, ps, strict=True)
    ]
    return _worst([verdict for verdict, _ in sorted(checks, key=lambda pair: -pair[1])])


def check_drop(
    rule: Rule, row: Difference, alpha: float, p: float | None, groups: int = 1, metrics: Records = NO_RECORDS
) -> Verdict:
    """FAIL if the drop is beyond the margin (corrected p below alpha), PASS if its upper bound is within it."""
    paired, drop, level = row.paired, drop_of(row), alpha / groups
    if not math.isfinite(drop):
        raise UsageError(f"{row.task}:{row.metric} on {row.slice} is not a number: it cannot be compared")
    ends, record = drop_interval(row, 1 - level), record_of(metrics, row.task, row.metric)
    word, sign = ("gain", -1.0) if drop < 0 else ("drop", 1.0)
    message = f"{word} {words.points(abs(drop), record)} (margin {margin(rule.margin, record)}"
    if ends:
        low, high = sorted((sign * ends[0] + 0.0, sign * ends[1] + 0.0))
        message += f", {100 - 100 * level:.4g} % interval {words.span(low, high, record, digits=4)}"
    message += ")"
    state: State = "INCONCLUSIVE"
    need: int | None = None
    if rule.mode == "strict":
        state = "FAIL" if drop > rule.margin + ROUNDING else "PASS"
    elif ends is None:
        reason = "where no value varies" if paired.error == 0 else f"({paired.test})"
        why = "below two clusters" if paired.clusters < 2 else reason
        message = f"no interval {why} (n = {paired.n})"
    elif p is not None and p < alpha:
        state = "FAIL"
    elif ends[1] <= rule.margin:
        state = "PASS"
    else:
        need, hint = _unsettled(row, rule.margin - drop, ends, level, record)
        message += hint
    return Verdict(
        rule,
        row.task,
        row.metric,
        row.slice,
        state,
        paired.second,
        paired.first,
        paired.low,
        paired.high,
        paired.n,
        message,
        p,
        need,
    )


def _unsettled(
    row: Difference, gap: float, ends: tuple[float, float], level: float, record: MetricRecord | None
) -> tuple[int | None, str]:
    """The n that would settle a drop ``gap`` away from its margin, and what to say of it."""
    paired = row.paired
    if paired.difference or paired.error:
        error = max(paired.error or 0.0, stats.error_of(*ends, paired.freedom, level))
        return _settled(error, paired.n, gap, level, paired.freedom, record)
    if gap <= 0:
        return None, "; nothing changed, but no n proves that nothing would: allow a margin"
    scale = paired.unit if paired.discordant else paired.span or 1.0
    wide, wanted = ends[1] / scale, gap / scale
    if paired.discordant:  # z^2 / (n + z^2)
        times = wide / (1 - wide) * (1 - wanted) / wanted
    else:  # 1 - (alpha / 2)^(1 / n)
        times = math.log1p(-wide) / math.log1p(-wanted)
    need = math.ceil(paired.n * times - 1e-6)
    return need, f"; nothing changed, would settle at n = {need:,}"


# ------------------------------------------------------------------------------------------------------------- bounds
def check_bounds(rule: Rule, rows: Sequence[Estimate], alpha: float = 0.05, metrics: Records = NO_RECORDS) -> Verdict:
    """The verdict on a claim: on its worst row, each with an interval at level 1 - alpha / number of rows."""
    checks = [(check_bound(rule, row, alpha / len(rows), metrics), row.value or 0.0) for row in rows]
    low = rule.limit == "min"
    ordered = sorted(
        checks, key=lambda pair: pair[1] if low else -abs(pair[1]) if rule.limit == "max_abs" else -pair[1]
    )
    return _worst([verdict for verdict, _ in ordered])


def check_bound(rule: Rule, row: Estimate, alpha: float = 0.05, metrics: Records = NO_RECORDS) -> Verdict:
    """The interval of one number, at level 1 - alpha, against a bound; the share of failed examples is counted, not
    estimated.
    """
    value = row.value
    if value is None or not math.isfinite(value):
        raise UsageError(f"{row.task}:{row.metric} on {row.slice} has no value: an empty result is not a pass")
    lower = {"max": -math.inf, "min": rule.margin, "max_abs": -rule.margin}[rule.limit]
    upper = {"max": rule.margin, "min": math.inf, "max_abs": rule.margin}[rule.limit]
    record = record_of(metrics, row.task, row.metric)
    message = f"{words.value(value, record)} (allowed: {allowed(rule, record)})"
    state: State = "INCONCLUSIVE"
    need: int | None = None
    if rule.mode == "strict" or row.metric == FAILED_RATE:
        state = "PASS" if lower <= value <= upper else "FAIL"
    elif row.low is None or row.high is None:
        message = f"{message}, no interval at n = {row.n}"
    else:
        low, high = stats.widened(value, row.low, row.high, alpha, row.clusters - 1)
        message += f", {100 - 100 * alpha:.4g} % interval {words.ends(replace(row, low=low, high=high), record)}"
        if low > upper or high < lower:
            state = "FAIL"
        elif lower <= low and high <= upper:
            state = "PASS"
        else:
            gap = min((value - bound for bound in (lower, upper) if math.isfinite(bound)), key=abs)
            freedom = row.clusters - 1
            error = stats.error_of(row.low, row.high, freedom)
            need, hint = _settled(error, row.n, gap, alpha, freedom, record)
            message += hint
    return Verdict(
        rule, row.task, row.metric, row.slice, state, value, None, row.low, row.high, row.n, message, needed=need
    )


def failed_rates(estimates: Sequence[Estimate]) -> list[Estimate]:
    """The share of failed examples of each task and slice, from the metric that counts most."""
    largest: dict[tuple[str, str], Estimate] = {}
    for row in estimates:
        key, total = (row.task, row.slice), row.n + row.failed
        if total and (key not in largest or total > largest[key].n):
            rate = row.failed / total
            largest[key] = replace(row, metric=FAILED_RATE, value=rate, low=None, high=None, n=total)
    return list(largest.values())


# ----------------------------------------------------------------------------------------------------------- verdicts
def judge(
    gate: Gate,
    differences: Sequence[Difference],
    estimates: Sequence[Estimate],
    today: date,
    looks: int = 1,
    metrics: Records = NO_RECORDS,
    expected: Collection[tuple[str, str]] = (),
) -> list[Verdict]:
    """Every rule on every number that it matches, but those on energy. Raises UnknownName for one that matches nothing.

    ``looks``: how often the growing data is judged in all; alpha is divided among them. ``metrics``: what the run keeps
    of its metrics, which tells the units of the messages. ``expected``: the numbers that have to be compared, see
    ``comparable``.
    """
    numbers = [*estimates, *failed_rates(estimates)]
    _require_pairs(gate, differences, numbers, expected)
    drops = [(r, rows) for r in gate.rules if r.limit == "max_drop" for rows in claims(r, differences)]
    bounds = [(r, rows) for r in gate.rules if r.limit in BOUNDS for rows in claims(r, numbers)]
    p = [worst_p(rule, rows) for rule, rows in drops]
    tested = [index for index, value in enumerate(p) if value is not None]
    if gate.correction == "holm":
        for index, value in zip(tested, stats.holm([p[i] or 0.0 for i in tested]), strict=True):
            p[index] = value
    alpha = gate.alpha / looks
    verdicts = [check_drops(rule, rows, alpha, value, metrics) for (rule, rows), value in zip(drops, p, strict=True)]
    verdicts += [check_bounds(rule, rows, alpha, metrics) for rule, rows in bounds]
    return [replace(v, quarantined=is_quarantined(gate, v, today)) for v in verdicts]


def comparable(run: Run, baseline: Run | None) -> frozenset[tuple[str, str]]:
    """(task, metric) of the numbers that a run and its baseline both have and whose examples can be paired."""
    before = baseline.metrics() if baseline else {}
    return frozenset(key for key, record in run.metrics().items() if record.interval != "none" and key in before)


def _require_pairs(
    gate: Gate, differences: Sequence[Difference], numbers: Sequence[Estimate], expected: Collection[tuple[str, str]]
) -> None:
    """UsageError for a max_drop rule about a number of the run that has no counterpart to be compared with: about none
    that has one, or about an ``expected`` one. A task or a slice all of whose answers failed would else pass.
    """
    paired = {(row.task, row.metric, row.slice) for row in differences}
    for rule in (rule for rule in gate.rules if rule.limit == "max_drop"):
        about = [e for e in numbers if matches(rule, e.task, e.metric, e.slice)]
        alone = [e for e in about if (e.task, e.metric, e.slice) not in paired]
        lost = [e for e in alone if (e.task, e.metric) in expected and (e.slice == "all" or not e.n)]
        if lost := lost or (alone if len(alone) == len(about) else []):
            names = listed(sorted({f"{e.task}:{e.metric}" + f" on {e.slice}" * (e.slice != "all") for e in lost}))
            raise UsageError(
                f"the rule {rule.metric!r} max_drop is about {names}, which cannot be compared with the baseline: the "
                "two runs have no values for the same examples; a max or min rule judges the number itself"
            )


def is_quarantined(gate: Gate, verdict: Verdict, today: date) -> bool:
    """Whether a failure of this number does not count yet."""
    name = f"{verdict.task}:{verdict.metric}"
    return any(today <= entry.until and fnmatchcase(name, entry.metric) for entry in gate.quarantine)


def _settled(
    error: float, n: int, gap: float, alpha: float, freedom: int, record: MetricRecord | None
) -> tuple[int | None, str]:
    """The n that would settle an inconclusive number ``gap`` away from its margin, and what to say of it."""
    least = stats.detectable(error, freedom, alpha=alpha)
    hint = f"; smallest detectable {words.points(least, record)}"
    gap = abs(gap) or error
    if error > MOST * gap:
        return None, f"{hint}, and no affordable n would settle it"
    fewest = math.ceil(1 - math.log2(alpha))  # the exact test of fewer pairs cannot speak
    need = max(stats.needed(error, n, gap, alpha=alpha), n + 1, fewest)
    return need, f"{hint}, would settle at n = {need:,}"


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The first of the gravest verdicts, saying among how many."""
    first = min(verdicts, key=lambda verdict: SEVERITY[verdict.state])
    if first.rule.slices != "worst":
        return first
    return replace(first, message=f"worst of {len(verdicts)}: {first.message}")
