"""Gate files: rules on metrics, read strictly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from harness.errors import UsageError, quoted
from harness.reading.text import read_toml

FAILED_RATE = "failed_rate"
JOULES = "joules_per_example"
"""What a max_rise rule is about: the energy of an example, see ``harness.gate.energy``."""
LIMITS = ("max_drop", "max", "min", "max_abs", "max_rise")
DEFAULTS = {"alpha": float, "correction": str, "on_inconclusive": str}
RULE: dict[str, type] = {
    "metric": str,
    "slices": str,
    "mode": str,
    "on_inconclusive": str,
    **dict.fromkeys(LIMITS, float),
}
QUARANTINE = {"metric": str, "until": date, "why": str}
ALLOWED = {
    "correction": ("holm", "none"),
    "on_inconclusive": ("warn", "fail", "pass"),
    "mode": ("interval", "strict"),
}
LARGEST = 1e300
SLICES = re.compile(r"all|each|worst|[^=]+=.+")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: ``limit`` is one of LIMITS, ``margin`` its number; ``metric`` a pattern TASK:METRIC.

    ``on_inconclusive``: what too few examples show is no pass, unless the rule says "warn" or "pass".
    ``slices``: "all" examples together, "each" slice too, the "worst" slice, or a pattern of slices ("gender=*").
    """

    metric: str
    limit: str
    margin: float
    slices: str = "all"
    mode: str = "interval"
    on_inconclusive: str = "fail"


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


def read_gate(path: Path) -> Gate:
    """A gate file, strictly: an unknown key, a wrong type or a missing limit is a UsageError."""
    table = read_toml(path, "gate file")
    for key in table:
        if key not in ("defaults", "rule", "quarantine"):
            raise UsageError(f"{path}: unknown table {quoted(key)}; valid: defaults, rule, quarantine")
    defaults = _fields(table.get("defaults", {}), DEFAULTS, f"{path}: [defaults]")
    rules = [
        _rule(entry, defaults, f"{path}: rule {number}") for number, entry in enumerate(_list(table, "rule", path), 1)
    ]
    if not rules:
        raise UsageError(f"{path} has no [[rule]]: nothing would be checked")
    kept = []
    for number, entry in enumerate(_list(table, "quarantine", path), 1):
        values = _fields(entry, QUARANTINE, f"{path}: quarantine {number}")
        missing = [key for key in QUARANTINE if key not in values]
        if missing:
            raise UsageError(f"{path}: quarantine {number} lacks {', '.join(missing)}")
        kept.append(Quarantined(**values))
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
        raise UsageError(f"{where}: {quoted(entry)} is not a table")
    for key, value in entry.items():
        if key not in valid:
            raise UsageError(f"{where}: unknown key {quoted(key)}; valid: {', '.join(valid)}")
        if not _fits(value, valid[key]):
            raise UsageError(f"{where}: {key} = {quoted(value)} is not a {valid[key].__name__}")
        if key in ALLOWED and value not in ALLOWED[key]:
            raise UsageError(f"{where}: {key} = {quoted(value)}; valid: {', '.join(ALLOWED[key])}")
        if key == "slices" and not SLICES.fullmatch(value):
            raise UsageError(
                f"{where}: slices = {quoted(value)}; valid: all, each, worst, or a pattern such as 'gender=*'"
            )
    return dict(entry)


def _fits(value: Any, kind: type) -> bool:
    """Whether a value is of a kind: true is no number, a time is no day, and no number is infinite or too large."""
    if kind is not float:
        return type(value) is kind
    return type(value) in (int, float) and abs(value) <= LARGEST


def _rule(entry: Any, defaults: Mapping[str, Any], where: str) -> Rule:
    values = _fields(entry, RULE, where)
    limits = [name for name in LIMITS if name in values]
    if "metric" not in values or ":" not in values["metric"]:
        raise UsageError(f"{where}: metric = {quoted(values.get('metric'))}, needs TASK:METRIC such as 'glue/*:acc'")
    if len(limits) != 1:
        raise UsageError(f"{where} needs exactly one of {', '.join(LIMITS)}, has {', '.join(limits) or 'none'}")
    margin = float(values[limits[0]])
    if (limits[0] == "max_rise") != values["metric"].endswith(f":{JOULES}") or (
        limits[0] == "max_rise" and values.get("slices", "all") != "all"
    ):
        raise UsageError(f"{where}: max_rise, and no other limit, belongs to TASK:{JOULES} over all examples")
    if limits[0] in ("max_drop", "max_abs", "max_rise") and margin < 0:
        raise UsageError(f"{where}: {limits[0]} = {margin} is below 0")
    return Rule(
        metric=values["metric"],
        limit=limits[0],
        margin=margin,
        slices=values.get("slices", "all"),
        mode=values.get("mode", "interval"),
        on_inconclusive=values.get("on_inconclusive", defaults.get("on_inconclusive", "fail")),
    )
