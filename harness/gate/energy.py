"""Rules on the energy of an example: both runs measured, in one way, on one device, or there is nothing to compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from harness.errors import UnknownName, UsageError
from harness.gate.judge import is_quarantined
from harness.gate.rules import JOULES
from harness.gate.verdicts import State, Verdict

if TYPE_CHECKING:
    from harness.gate.rules import Gate, Rule
    from harness.types import EnergyUse, Run, TaskEnergy


def rises(gate: Gate, run: Run, baseline: Run | None, today: date) -> list[Verdict]:
    """Every max_rise rule on every task that it matches.

    Raises UsageError where the energy of a run was not measured or the two were measured otherwise, UnknownName for a
    rule that matches no task.
    """
    rules = [rule for rule in gate.rules if rule.limit == "max_rise"]
    if not rules:
        return []
    if baseline is None:
        raise UsageError("a max_rise rule needs --baseline NAME")
    energy, before = _measured(run), _measured(baseline)
    if (energy.method, energy.device) != (before.method, before.device):
        raise UsageError(
            f"energy cannot be compared: run {run.id} was measured by {energy.method} on {energy.device}, the "
            f"baseline {baseline.id} by {before.method} on {before.device}"
        )
    verdicts = [verdict for rule in rules for verdict in _verdicts(rule, energy.tasks, before.tasks)]
    return [replace(v, quarantined=is_quarantined(gate, v, today)) for v in verdicts]


def _measured(run: Run) -> EnergyUse:
    if run.energy is None or run.energy.joules is None:
        reason = run.energy.reason if run.energy else "no meter was read"
        raise UsageError(
            f"the energy of run {run.id} was not measured ({reason}): a max_rise rule has nothing to judge"
        )
    return run.energy


def _verdicts(rule: Rule, now: Mapping[str, TaskEnergy], before: Mapping[str, TaskEnergy]) -> list[Verdict]:
    pattern = rule.metric.removesuffix(f":{JOULES}")
    matching = [name for name in now if fnmatchcase(name, pattern) and name in before]
    if not matching:
        raise UnknownName(f"task in the rule {rule.metric!r} max_rise, of those in both runs:", pattern, before)
    return [_verdict(rule, name, now[name], before[name]) for name in matching]


def _verdict(rule: Rule, task: str, now: TaskEnergy, before: TaskEnergy) -> Verdict:
    value, base = _each(task, now), _each(task, before)
    message = f"{value / base - 1:+.1%} joules per example (allowed: +{rule.margin:.1%}); measured once, no interval"
    state: State = "FAIL" if value > base * (1 + rule.margin) else "PASS"
    return Verdict(rule, task, JOULES, "all", state, value, base, None, None, now.examples, message)


def _each(task: str, energy: TaskEnergy) -> float:
    if not energy.joules or not energy.examples:
        raise UsageError(f"{task}: no example was computed while its run was measured, so it has no joules per example")
    return energy.joules / energy.examples
