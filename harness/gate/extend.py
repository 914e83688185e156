"""More examples for rules that are inconclusive, until they are settled or a budget is spent."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.gate import judge as gating

if TYPE_CHECKING:
    from harness.differences import Difference
    from harness.gate.rules import Gate
    from harness.gate.verdicts import Verdict
    from harness.types import Estimate, Run

LOOKS = 4
"""How often the data is judged at most: each look costs the others some power."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where what is judged comes from; runs are given by their ids.

    compare: every difference between two runs, slices included; results: the numbers of a run;
    more: asks a run's model on these of its tasks with this limit, as that run did, and gives the new run's id.
    """

    compare: Callable[[str, str], list[Difference]]
    results: Callable[[str], list[Estimate]]
    more: Callable[[Run, Sequence[str], int], str]


@dataclass(frozen=True, slots=True)
class Extended:
    """The final verdicts, the ids of the runs that were added, and the limit that the last of them had, if any."""

    verdicts: list[Verdict]
    runs: tuple[str, ...] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What is judged: comparisons and numbers, of the newest runs of each task."""

    rows: list[Difference]
    numbers: list[Estimate]

    def with_newer(self, newer: Seen) -> Seen:
        """The newer ones in place of those of the same tasks."""
        tasks = {e.task for e in newer.numbers} | {row.task for row in newer.rows}
        return Seen(
            [row for row in self.rows if row.task not in tasks] + newer.rows,
            [e for e in self.numbers if e.task not in tasks] + newer.numbers,
        )


def ladder(limit: int, budget: int) -> list[int]:
    """Limits to be tried, LOOKS - 1 at most: they grow by equal factors up to ``limit`` + ``budget``."""
    last = limit + budget
    steps = min(LOOKS - 1, max(1, math.ceil(math.log2(last / limit))))
    return sorted({round(limit * (last / limit) ** (k / steps)) for k in range(1, steps + 1)})


def extend(gate: Gate, source: Source, run: Run, baseline: Run | None, budget: int, today: date) -> Extended:
    """Judge; while a rule is inconclusive ask both runs' models up to ``budget`` more examples of every dataset.

    Alpha is divided by the number of looks that are planned, and a rule that is settled stays so: whoever stops as soon
    as the data pleases would otherwise see false alarms. A rung of the ladder that cannot settle anything, going by
    what was seen, is left out. Raises UsageError where a run was not limited: then there is nothing more to ask.
    """
    limit = _limit_of(run)
    rungs = ladder(limit, budget)
    looks = 1 + len(rungs)
    added: list[str] = []

    def look(first: str | None, second: str) -> Seen:
        return Seen(source.compare(first, second) if first else [], source.results(second))

    def judged(seen: Seen) -> list[Verdict]:
        both = gating.comparable(run, baseline)
        return gating.judge(gate, seen.rows, seen.numbers, today, looks, run.metrics(), both)

    seen = look(baseline.id if baseline else None, run.id)
    verdicts = judged(seen)
    while rungs and (left := [v for v in verdicts if v.state == "INCONCLUSIVE"]):
        rungs = _reachable(rungs, limit, left)
        tasks, limit = sorted({v.task for v in left}), rungs.pop(0)
        first = source.more(baseline, tasks, limit) if baseline else None
        second = source.more(run, tasks, limit)
        added += [name for name in (first, second) if name]
        newer = look(first, second)
        grew = _asked(newer) > _asked(seen, tasks)
        seen = seen.with_newer(newer)
        verdicts = _kept(verdicts, judged(seen))
        if not grew:
            break
    return Extended(verdicts, tuple(added), limit if added else None)


def _limit_of(run: Run) -> int:
    limit = run.settings.get("limit")
    if isinstance(limit, str):
        raise UsageError(f"run {run.id} had --limit {limit}: only a limit that is a number can be extended")
    if not isinstance(limit, int):
        raise UsageError(f"run {run.id} had no --limit: it already asked every example")
    return limit


def _reachable(rungs: list[int], limit: int, left: Sequence[Verdict]) -> list[int]:
    """The rungs from the first that may settle one of the verdicts; the last one in any case."""
    nearest = min((limit * v.needed / v.n for v in left if v.needed and v.n), default=0.0)
    return [rung for rung in rungs if rung >= nearest] or rungs[-1:]


def _asked(seen: Seen, tasks: Sequence[str] | None = None) -> int:
    """Examples that were judged or failed, of these tasks or of all."""
    counts: dict[str, int] = {}
    for e in seen.numbers:
        if e.slice == "all" and (tasks is None or e.task in tasks):
            counts[e.task] = max(counts.get(e.task, 0), e.n + e.failed)
    return sum(counts.values())


def _kept(before: Sequence[Verdict], after: Sequence[Verdict]) -> list[Verdict]:
    """The later verdicts, but the earlier one wherever that was settled already."""
    settled = {_key(v): v for v in before if v.state != "INCONCLUSIVE"}
    return [settled.get(_key(v), v) for v in after]


def _key(v: Verdict) -> tuple[object, ...]:
    return v.rule, v.task, v.metric, None if v.rule.slices == "worst" else v.slice
