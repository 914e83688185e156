"""A comparison in one sentence: what is better, what is worse, and what so few questions cannot tell."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from harness.differences import Difference
from harness.gate.judge import drop_of
from harness.metrics.words import factor, in_points, value
from harness.store.queries.runs import asked
from harness.types import HEADLINE, MetricRecord, Run
from harness.visible import short_names

Direction = Literal["better", "worse", "changed", "same", "unclear", "untested"]

ALPHA = 0.05
"""A difference counts from this p after Holm on."""

NAMED = 5
"""Tasks of one kind that a sentence names; of more it says how many."""


def direction(row: Difference) -> Direction:
    """What the second run is beside the first.

    "better" or "worse" where p after Holm is below ALPHA ("changed" for a number that has crossed its ideal), "same"
    where every value is, "unclear" where the examples do not settle it, "untested" where nothing could be tested.
    """
    paired = row.paired
    if paired.error == 0 and paired.difference == 0:
        return "same"
    if row.adjusted is None:
        return "untested"
    if row.adjusted >= ALPHA:
        return "unclear"
    ideal = row.ideal if row.better == "ideal" else None
    if row.better == "ideal" and (ideal is None or (paired.first - ideal) * (paired.second - ideal) < 0):
        return "changed"
    return "worse" if drop_of(row) > 0 else "better"


def sentence(runs: tuple[Run, Run], rows: Sequence[Difference]) -> str:
    """What the second run is beside the first, by the first headline metric of every task; "" where there is none."""
    one, two = names_of(runs)
    kept = runs[1].metrics()
    leading: dict[str, Difference] = {}
    for row in rows:
        if row.slice == "all" and row.family in HEADLINE:
            leading.setdefault(row.task, row)
    kinds: dict[Direction, list[Difference]] = {}
    for row in leading.values():
        kinds.setdefault(direction(row), []).append(row)
    parts = list(_parts(one, kinds, kept))
    if not parts:
        return ""
    differs = "worse" in kinds or "better" in kinds
    return f"{two} is {'; '.join(parts)}" if differs else f"{two} against {one}: {'; '.join(parts)}"


def names_of(runs: Sequence[Run]) -> list[str]:
    """What to call runs: models by the last parts of their paths; where names are alike, how they asked, or the id."""
    short = short_names(run.model for run in runs)
    names = [short[run.model] for run in runs]
    asking = [f"{name} {asked(run.settings)}".strip() for name, run in zip(names, runs, strict=True)]
    names = [more if names.count(name) > 1 else name for name, more in zip(names, asking, strict=True)]
    return [f"{name} ({run.id})" if names.count(name) > 1 else name for name, run in zip(names, runs, strict=True)]


def _parts(
    other: str, kinds: Mapping[Direction, Sequence[Difference]], kept: Mapping[tuple[str, str], MetricRecord]
) -> Iterator[str]:
    """A clause for every kind of change that there is, the worst first."""
    than = f" than {other}"
    for kind in ("worse", "better"):
        if rows := kinds.get(kind):
            yield f"{kind}{than} on {_listed([_changed(row, kept.get((row.task, row.metric))) for row in rows])}"
            than = ""
    if rows := kinds.get("changed"):
        yield f"changed on {_listed([_changed(row, kept.get((row.task, row.metric))) for row in rows])}"
    if rows := kinds.get("unclear"):
        yield f"cannot tell on {_listed([f'{row.task} with {_questions(row)}' for row in rows])}"
    if rows := kinds.get("same"):
        yield f"the same on {_listed([f'{row.task} ({_questions(row)})' for row in rows])}"
    if rows := kinds.get("untested"):
        yield f"not tested on {_listed([row.task for row in rows])}"


def _listed(texts: Sequence[str]) -> str:
    left = len(texts) - NAMED
    return ", ".join(texts[:NAMED]) + (f" and {left} more tasks" if left > 0 else "")


def _questions(row: Difference) -> str:
    dropped = f", {row.dropped:,} dropped" if row.dropped else ""
    return f"{row.paired.n:,} question{'s' * (row.paired.n != 1)}{dropped}"


def _changed(row: Difference, record: MetricRecord | None) -> str:
    """``demo/sentiment: acc -20 points (-33 to -7)``."""
    times, unit = factor(record)
    low, high, p = row.paired.low, row.paired.high, row.paired
    ends = "" if low is None or high is None else f" ({_signed(low * times)} to {_signed(high * times)})"
    first, second, best = (value(x, record) for x in (p.first, p.second, row.ideal))
    ideal = f", from {first} to {second} where {best} is ideal" if row.better == "ideal" else ""
    dropped = f", {row.dropped:,} dropped" if row.dropped else ""
    change = _signed(p.difference * times)
    return f"{row.task}: {row.metric} {in_points(change) if unit else change}{ends}{ideal}{dropped}"


def _signed(value: float) -> str:
    return f"{value:+.2g}" if abs(value) < 10 else f"{value:+,.0f}"
