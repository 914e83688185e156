"""What a gate comes to, in one line for people."""

from collections.abc import Sequence

from harness.gate.verdicts import Verdict, exit_code

WORDS = {0: "PASSED", 1: "FAILED", 4: "INCONCLUSIVE"}
NAMED = 3
"""Failed numbers that the line names."""


def closing(verdicts: Sequence[Verdict]) -> str:
    """``GATE PASSED: 2 rules hold, 1 could not be decided: needs 7,134 questions, has 40``.

    Where a rule was checked on several numbers, it counts checks instead of rules.
    """
    counted = [v for v in verdicts if not v.quarantined]
    kind = "rule" if len({id(v.rule) for v in verdicts}) == len(verdicts) else "check"
    failed = [v for v in counted if v.state == "FAIL"]
    parts = []
    if failed:
        names = [f"{v.task}:{v.metric}" + f"[{v.slice}]" * (v.slice != "all") for v in failed]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        parts.append(f"{_count(failed, kind)} failed ({', '.join(names[:NAMED])}{more})")
    if holding := [v for v in counted if v.state == "PASS"]:
        parts.append(f"{_count(holding, kind)} {'holds' if len(holding) == 1 else 'hold'}")
    if left_out := [v for v in verdicts if v.quarantined]:
        parts.append(f"{len(left_out)} quarantined")
    if open_ones := [v for v in counted if v.state == "INCONCLUSIVE"]:
        number = str(len(open_ones)) if parts else _count(open_ones, kind)
        parts.append(f"{number} could not be decided: {_needs(open_ones)}")
    return f"GATE {WORDS[exit_code(verdicts)]}: {', '.join(parts)}"


def _count(verdicts: Sequence[Verdict], kind: str) -> str:
    return f"{len(verdicts)} {kind}{'s' * (len(verdicts) != 1)}"


def _needs(verdicts: Sequence[Verdict]) -> str:
    """How many questions would settle them, by the verdict that needs most."""
    known = [v for v in verdicts if v.needed is not None]
    if len(known) < len(verdicts):
        return "no known number of questions would settle " + ("it" if len(verdicts) == 1 else "all")
    most = max(known, key=lambda v: v.needed or 0)
    return f"needs {'up to ' * (len(known) > 1)}{most.needed:,} questions, has {most.n:,}"
