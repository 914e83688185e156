"""How careful each rater was: checks of attention, the same answer to a repeated item, sides of the screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.people.ratings import coded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.people.items import Item
    from harness.people.ratings import Collected, Rated

CARELESS = 0.1
"""Share of checks that a careful rater may fail; more than that by more than chance is told."""
DOUBT = 0.05
FEWEST = 4
"""Repeated items below which nothing is said of them."""


@dataclass(frozen=True, slots=True)
class RaterCare:
    """One rater: counts, and ``doubts``, sentences on what a careful rater would hardly show.

    ``repeated``: repeated items, ``same`` of them answered alike; ``chance``: the share that would be by chance.
    ``first``: preferences for the first text on the screen, of ``preferred`` that are no tie.
    """

    rater: str
    rated: int
    skipped: int
    checks: int
    failed: int
    repeated: int
    same: int
    chance: float | None
    first: int
    preferred: int
    seconds: float | None
    doubts: tuple[str, ...]


def care(collected: Collected) -> tuple[RaterCare, ...]:
    """Every rater of a campaign."""
    return tuple(_care(collected, rater) for rater in collected.campaign.codes)


def passed(item: Item, answer: Mapping[str, Any]) -> bool:
    """Whether an answer to a check is the expected one; skipping it is not."""
    if isinstance(item.expected.get("errors"), int):
        return len(answer.get("errors", ())) == int(item.expected["errors"])
    return bool(all(answer.get(key) == value for key, value in item.expected.items()))


def _care(collected: Collected, rater: str) -> RaterCare:
    own = [one for one in collected.rated if one.rating.rater == rater]
    checks = [one for one in own if one.item.expected]
    failed = sum(not passed(one.item, one.rating.answer) for one in checks)
    same, repeated = _repeats(collected, own)
    chance = _chance(collected, [one for one in collected.judged if one.rating.rater == rater])
    sides = [
        _screen(one) for one in own if one.rating.answer.get("choice") in ("first", "second") and not one.item.expected
    ]
    times = [one.rating.seconds for one in own]
    doubts = (
        *_of_checks(len(checks), failed),
        *_of_repeats(repeated, same, chance),
        *_of_sides(len(sides), sum(sides)),
    )
    return RaterCare(
        rater, len(own), sum("skipped" in one.rating.answer for one in own), len(checks), failed, repeated, same,
        chance, sum(sides), len(sides), float(np.median(times)) if times else None, doubts,
    )  # fmt: skip


def _repeats(collected: Collected, own: Sequence[Rated]) -> tuple[int, int]:
    """(alike, all) of the items that were answered twice; a score within a tenth of the scale is alike."""
    once = {one.assignment.number: one for one in own if not one.assignment.repeated}
    pairs = [
        tuple(coded(collected.campaign, rating.answer) for rating in (once[one.assignment.number].rating, one.rating))
        for one in own
        if one.assignment.repeated and one.assignment.number in once
    ]
    pairs = [(a, b) for a, b in pairs if not np.isnan(a + b)]
    return sum(abs(a - b) <= _near(collected) for a, b in pairs), len(pairs)


def _near(collected: Collected) -> float:
    return {"direct": 10.0, "mqm": 1.0}.get(collected.campaign.kind, 0.0)


def _chance(collected: Collected, own: Sequence[Rated]) -> float | None:
    """How often two answers of this rater to different items are alike."""
    values = np.array([coded(collected.campaign, one.rating.answer) for one in own], dtype=float)
    if len(values) < 2:
        return None
    alike = np.abs(values[:, None] - values[None, :]) <= _near(collected)
    return float((alike.sum() - len(values)) / (len(values) * (len(values) - 1)))


def _screen(one: Rated) -> bool:
    """Whether the text preferred stood first on the screen."""
    return bool((one.rating.answer["choice"] == "first") != one.assignment.swapped)


def _of_checks(checks: int, failed: int) -> Iterator[str]:
    from scipy.stats import binom

    if failed and binom.sf(failed - 1, checks, CARELESS) < DOUBT:
        yield f"failed {failed} of {checks} checks of attention"


def _of_repeats(repeated: int, same: int, chance: float | None) -> Iterator[str]:
    if repeated >= FEWEST and chance is not None and same <= chance * repeated:
        yield f"answered {same} of {repeated} repeated items as before, no more than by chance ({chance:.0%})"


def _of_sides(preferred: int, first: int) -> Iterator[str]:
    from scipy.stats import binomtest

    if preferred and binomtest(first, preferred, 0.5).pvalue < DOUBT / 10:
        yield f"preferred the first text on the screen {first} of {preferred} times"
