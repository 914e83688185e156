"""Rules on a run: each PASS, FAIL or INCONCLUSIVE from an interval against its margin, and one exit code for all."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.errors import UsageError
from harness.metrics import stats

if TYPE_CHECKING:
    from harness.compare import Difference
    from harness.types import Estimate

State = Literal["PASS", "FAIL", "INCONCLUSIVE"]
FAILED_RATE = "failed_rate"
LIMITS = ("max_drop", "max", "min", "max_abs")
DEFAULTS = {"alpha": float, "correction": str, "on_inconclusive": str}
RULE: dict[str, type] = {
    "metric": str, "slices": str, "mode": str, "on_inconclusive": str, **dict.fromkeys(LIMITS, float),
}  # fmt: skip
QUARANTINE = {"metric": str, "until": date, "why": str}
ALLOWED = {
    "correction": ("holm", "none"),
    "on_inconclusive": ("warn", "fail", "pass"),
    "slices": ("all", "each"),
    "mode": ("interval", "strict"),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: ``limit`` is one of LIMITS, ``margin`` its number; ``metric`` a pattern TASK:METRIC."""

    metric: str
    limit: str
    margin: float
    slices: str = "all"
    mode: str = "interval"
    on_inconclusive: str = "warn"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Failures of ``metric`` do not count until a day."""

    metric: str
    until: date
    why: str


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate file."""

    rules: tuple[Rule, ...]
    alpha: float = 0.05
    correction: str = "holm"
    quarantine: tuple[Quarantined, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says about one number; ``p`` is the corrected probability of no violation, where it is tested."""

    rule: Rule
    task: str
    metric: str
    slice: str
    state: State
    value: float
    baseline: float | None
    low: float | None
    high: float | None
    n: int
    message: str
    p: float | None = None
    quarantined: bool = False


# --------------------------------------------------------------------------------------------------------------- file
def read_gate(path: Path) -> Gate:
    """A gate file, strictly: an unknown key, a wrong type or a missing limit is a UsageError."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from error
    for key in table:
        if key not in ("defaults", "rule", "quarantine"):
            raise UsageError(f"{path}: unknown table {key!r}; valid: defaults, rule, quarantine")
    defaults = _fields(table.get("defaults", {}), DEFAULTS, f"{path}: [defaults]")
    rules = [
        _rule(entry, defaults, f"{path}: rule {place}") for place, entry in enumerate(_list(table, "rule", path), 1)
    ]
    if not rules:
        raise UsageError(f"{path} has no [[rule]]: nothing would be checked")
    kept = []
    for place, entry in enumerate(_list(table, "quarantine", path), 1):
        found = _fields(entry, QUARANTINE, f"{path}: quarantine {place}")
        missing = [key for key in QUARANTINE if key not in found]
        if missing:
            raise UsageError(f"{path}: quarantine {place} lacks {', '.join(missing)}")
        kept.append(Quarantined(**found))
    alpha = defaults.get("alpha", 0.05)
    if not 0 < alpha < 0.5:
        raise UsageError(f"{path}: alpha is {alpha}, not between 0 and 0.5")
    return Gate(tuple(rules), alpha, defaults.get("correction", "holm"), tuple(kept))


def _list(table: Mapping[str, Any], key: str, path: Path) -> list[Any]:
    entries = table.get(key, [])
    if not isinstance(entries, list):
        raise UsageError(f"{path}: write [[{key}]], not [{key}]")
    return entries


def _fields(entry: Any, valid: Mapping[str, type], where: str) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise UsageError(f"{where}: {entry!r} is not a table")
    for key, value in entry.items():
        if key not in valid:
            raise UsageError(f"{where}: unknown key {key!r}; valid: {', '.join(valid)}")
        expected = (int, float) if valid[key] is float else valid[key]
        if (
            not isinstance(value, expected)
            or isinstance(value, bool)
            or (isinstance(value, int | float) and not math.isfinite(value))
        ):
            raise UsageError(f"{where}: {key} = {value!r} is not a {valid[key].__name__}")
        if key in ALLOWED and value not in ALLOWED[key]:
            raise UsageError(f"{where}: {key} = {value!r}; valid: {', '.join(ALLOWED[key])}")
    return dict(entry)


def _rule(entry: Any, defaults: Mapping[str, Any], where: str) -> Rule:
    found = _fields(entry, RULE, where)
    limits = [name for name in LIMITS if name in found]
    if "metric" not in found or ":" not in found["metric"]:
        raise UsageError(f"{where}: metric = {found.get('metric')!r}, needs TASK:METRIC such as 'glue/*:accuracy'")
    if len(limits) != 1:
        raise UsageError(f"{where} needs exactly one of {', '.join(LIMITS)}, has {', '.join(limits) or 'none'}")
    margin = float(found[limits[0]])
    if limits[0] in ("max_drop", "max_abs") and margin < 0:
        raise UsageError(f"{where}: {limits[0]} = {margin} is below 0")
    return Rule(
        metric=found["metric"],
        limit=limits[0],
        margin=margin,
        slices=found.get("slices", "all"),
        mode=found.get("mode", "interval"),
        on_inconclusive=found.get("on_inconclusive", defaults.get("on_inconclusive", "warn")),
    )


def explain(rule: Rule, alpha: float) -> str:
    """The rule in words."""
    what = {
        "max_drop": f"must not be worse than the baseline by more than {rule.margin:g}",
        "max": f"must be at most {rule.margin:g}",
        "min": f"must be at least {rule.margin:g}",
        "max_abs": f"must lie between {-rule.margin:g} and {rule.margin:g}",
    }[rule.limit]
    where = "on every slice" if rule.slices == "each" else "over all examples"
    strict = rule.mode == "strict" or rule.metric.endswith(f":{FAILED_RATE}")
    how = "the number itself is compared" if strict else f"its interval decides (alpha {alpha:g}, two-sided)"
    return f"{rule.metric} {what} {where}; {how}; inconclusive: {rule.on_inconclusive}"


# ------------------------------------------------------------------------------------------------------------- verdict
def matches(rule: Rule, task: str, metric: str, slice: str) -> bool:
    """Whether a rule is about this number."""
    return (rule.slices == "each" or slice == "all") and fnmatchcase(f"{task}:{metric}", rule.metric)


def drop_of(row: Difference) -> float:
    """How much worse the second run is: negative where it is better; distance to the ideal for such metrics."""
    if row.better == "ideal" and row.ideal is not None:
        return abs(row.paired.second - row.ideal) - abs(row.paired.first - row.ideal)
    return row.paired.difference if row.better == "lower" else -row.paired.difference


def violation_p(row: Difference, margin: float) -> float | None:
    """Twice the one-sided p of "the drop is at most the margin" by Student's t; None without an error.

    Twice, so that the gate fails exactly where the two-sided interval lies beyond the margin.
    """
    from scipy.special import stdtr

    error = row.paired.error
    if not error:
        return None
    return min(1.0, 2 * float(stdtr(row.paired.freedom, -(drop_of(row) - margin) / error)))


def check_drop(rule: Rule, row: Difference, alpha: float, p: float | None) -> Verdict:
    """FAIL if the drop is beyond the margin (corrected p below alpha), PASS if its upper bound is within it."""
    from scipy.special import stdtrit

    paired, drop = row.paired, drop_of(row)
    half = float(stdtrit(paired.freedom, 1 - alpha / 2)) * paired.error if paired.error else 0.0
    interval = f"{100 - 100 * alpha:g} % interval {drop - half:.4g}..{drop + half:.4g}"
    message = f"drop {drop:+.4g} (margin {rule.margin:g}, {interval})"
    exact = rule.mode == "strict" or paired.error == 0
    if not math.isfinite(drop):
        raise UsageError(f"{row.task}:{row.metric} on {row.slice} is not a number: it cannot be compared")
    if exact:
        state: State = "FAIL" if drop > rule.margin else "PASS"
    elif paired.error is None:
        state, message = "INCONCLUSIVE", f"no interval below two clusters (n = {paired.n})"
    elif p is not None and p < alpha:
        state = "FAIL"
    elif drop + half <= rule.margin:
        state = "PASS"
    else:
        state = "INCONCLUSIVE"
        need = stats.needed(paired.error, paired.n, abs(rule.margin - drop) or paired.error, alpha=alpha)
        message += (
            f"; smallest detectable {stats.detectable(paired.error, alpha=alpha):.4g}, would settle at n = {need}"
        )
    return Verdict(
        rule, row.task, row.metric, row.slice, state, paired.second, paired.first, paired.low, paired.high, paired.n,
        message, p,
    )  # fmt: skip


def check_bound(rule: Rule, row: Estimate) -> Verdict:
    """The 95 % interval of one number against a bound; the share of failed examples is counted, not estimated."""
    value, low, high = row.value, row.low, row.high
    if value is None or not math.isfinite(value):
        raise UsageError(f"{row.task}:{row.metric} on {row.slice} has no value: an empty result is not a pass")
    lower = {"max": -math.inf, "min": rule.margin, "max_abs": -rule.margin}[rule.limit]
    upper = {"max": rule.margin, "min": math.inf, "max_abs": rule.margin}[rule.limit]
    message = f"{value:.4g} (allowed {lower:g}..{upper:g})"
    state: State
    if rule.mode == "strict" or row.metric == FAILED_RATE:
        state = "PASS" if lower <= value <= upper else "FAIL"
    elif low is None or high is None:
        state, message = "INCONCLUSIVE", f"{message}, no interval at n = {row.n}"
    else:
        message += f", 95 % interval {low:.4g}..{high:.4g}"
        state = "FAIL" if low > upper or high < lower else "PASS" if lower <= low and high <= upper else "INCONCLUSIVE"
    return Verdict(rule, row.task, row.metric, row.slice, state, value, None, low, high, row.n, message)


def failed_rates(estimates: Sequence[Estimate]) -> list[Estimate]:
    """The share of failed examples of each task and slice, from the metric that counts most."""
    found: dict[tuple[str, str], Estimate] = {}
    for row in estimates:
        key, total = (row.task, row.slice), row.n + row.failed
        if total and (key not in found or total > found[key].n):
            rate = row.failed / total
            found[key] = replace(row, metric=FAILED_RATE, value=rate, low=None, high=None, n=total)
    return list(found.values())


def judge(gate: Gate, differences: Sequence[Difference], estimates: Sequence[Estimate], today: date) -> list[Verdict]:
    """Every rule on every number that it matches. Raises UsageError for a rule that matches nothing."""
    numbers = [*estimates, *failed_rates(estimates)]
    drops = [
        (r, d)
        for r in gate.rules
        if r.limit == "max_drop"
        for d in differences
        if matches(r, d.task, d.metric, d.slice)
    ]
    bounds = [
        (r, e) for r in gate.rules if r.limit != "max_drop" for e in numbers if matches(r, e.task, e.metric, e.slice)
    ]
    used = [id(rule) for rule, _ in (*drops, *bounds)]
    for rule in gate.rules:
        if id(rule) not in used:
            raise UsageError(f"rule {rule.metric!r} ({rule.limit}, slices {rule.slices}) matches no number of the run")
    p = [violation_p(row, rule.margin) if rule.mode == "interval" else None for rule, row in drops]
    tested = [place for place, value in enumerate(p) if value is not None]
    if gate.correction == "holm":
        for place, value in zip(tested, stats.holm([p[i] or 0.0 for i in tested]), strict=True):
            p[place] = value
    verdicts = [check_drop(rule, row, gate.alpha, value) for (rule, row), value in zip(drops, p, strict=True)]
    verdicts += [check_bound(rule, row) for rule, row in bounds]
    return [replace(v, quarantined=_quarantined(gate, v, today)) for v in verdicts]


def _quarantined(gate: Gate, verdict: Verdict, today: date) -> bool:
    name = f"{verdict.task}:{verdict.metric}"
    return any(today <= entry.until and fnmatchcase(name, entry.metric) for entry in gate.quarantine)


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """0 ok, 1 a rule failed, 4 inconclusive where the rule says that this fails; the quarantined do not count."""
    counted = [verdict for verdict in verdicts if not verdict.quarantined]
    if any(verdict.state == "FAIL" for verdict in counted):
        return 1
    if any(verdict.state == "INCONCLUSIVE" and verdict.rule.on_inconclusive == "fail" for verdict in counted):
        return 4
    return 0
