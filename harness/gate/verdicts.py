"""What a gate says of one number, how it is shown, and the exit code of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.gate.rules import Rule
from harness.gate.wording import Records, record_of
from harness.metrics.words import value

State = Literal["PASS", "FAIL", "INCONCLUSIVE"]
COLUMNS = ("verdict", "rule", "value", "baseline", "n", "why")
"""Headings of a table of verdicts."""
SEVERITY = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says about one number; ``p`` is the corrected probability of no violation, where it is tested.

    ``needed``: of an inconclusive one, the n at which it would be settled if what was seen is true.
    """

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
    needed: int | None = None
    quarantined: bool = False


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """0 passed, 1 a rule failed, 4 inconclusive unless the rule allows that; quarantined verdicts do not count."""
    counted = [verdict for verdict in verdicts if not verdict.quarantined]
    if any(verdict.state == "FAIL" for verdict in counted):
        return 1
    if any(verdict.state == "INCONCLUSIVE" and verdict.rule.on_inconclusive == "fail" for verdict in counted):
        return 4
    return 0


def name_of(verdict: Verdict) -> str:
    """What a verdict is about, in one word: task:metric[slice] and the limit."""
    where = "" if verdict.slice == "all" else f"[{verdict.slice}]"
    return f"{verdict.task}:{verdict.metric}{where} {verdict.rule.limit}"


def cells_of(verdict: Verdict, metrics: Records) -> list[str]:
    """The row of a verdict in a table of COLUMNS; ``metrics`` tells the units."""
    record = record_of(metrics, verdict.task, verdict.metric)
    shown = [value(verdict.value, record), value(verdict.baseline, record), f"{verdict.n:,}"]
    mark = f"{verdict.state}{' (quarantined)' if verdict.quarantined else ''}"
    return [mark, name_of(verdict), *shown, verdict.message]
