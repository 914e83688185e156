"""What a gate says: one verdict for each rule and number, and an exit code for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.gate.rules import Rule

State = Literal["PASS", "FAIL", "INCONCLUSIVE"]
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


@dataclass(frozen=True, slots=True)
class GateResult:
    """The verdicts on the run whose id is ``run``, against the run ``baseline`` where a rule compares with one.

    ``added``: ids of the runs that were made to settle inconclusive rules, the last of them with ``limit`` examples of
    each dataset; empty and None where nothing was extended. ``asked``: how many examples ``run`` asked of how many, as
    ``30 of 1,508 examples, sampled``; empty where it asked all.
    """

    run: str
    baseline: str | None
    verdicts: tuple[Verdict, ...]
    added: tuple[str, ...] = ()
    limit: int | None = None
    asked: str = ""

    @property
    def exit_code(self) -> int:
        """What ``harness gate`` exits with: see ``exit_code``."""
        return exit_code(self.verdicts)

    @property
    def passed(self) -> bool:
        """Whether no rule failed and none that must be conclusive is inconclusive."""
        return self.exit_code == 0


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """0 passed, 1 a rule failed, 4 inconclusive unless the rule allows that; quarantined verdicts do not count."""
    counted = [verdict for verdict in verdicts if not verdict.quarantined]
    if any(verdict.state == "FAIL" for verdict in counted):
        return 1
    if any(verdict.state == "INCONCLUSIVE" and verdict.rule.on_inconclusive == "fail" for verdict in counted):
        return 4
    return 0
