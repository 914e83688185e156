"""What the ratings of a campaign say: systems with intervals, agreement, each rater's care, what would settle it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.metrics.classify import UNIT
from harness.metrics.stats import needed
from harness.people import clustered, ratings
from harness.people.against import Together, together_in
from harness.people.agreement import agreement
from harness.people.alpha import krippendorff
from harness.people.answers import bounds
from harness.people.bradley_terry import Strengths, bradley_terry
from harness.people.careful import RaterCare, care
from harness.people.scores import standardised

if TYPE_CHECKING:
    from harness.metrics.intervals import Ends
    from harness.people.agreement import Agreement
    from harness.people.campaign import Campaign
    from harness.people.ratings import Collected
    from harness.store import Store

ALPHA_LEVELS: Mapping[str, Literal["nominal", "ordinal", "interval"]] = {
    "preference": "ordinal",
    "likert": "ordinal",
    "direct": "interval",
    "mqm": "interval",
    "labels": "nominal",
}


FEW = 6
"""Raters below which a report says that they are few."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of ``n`` ratings (or items) with its 95 % interval; None where there is none, for the ``note``."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Numbers of one kind; ``note`` says how they were made and what they do not say."""

    title: str
    rows: tuple[Quantity, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """Everything about a campaign: counts, numbers, raters. ``systems``: run id -> model."""

    campaign: Campaign
    systems: Mapping[str, str]
    assigned: int
    rated: int
    undone: int
    dropped: Mapping[str, int]
    skipped: Mapping[str, int]
    sections: tuple[Section, ...]
    raters: tuple[RaterCare, ...]


def report(store: Store, name: str, *, length: bool = False, judge: str | None = None) -> CampaignReport:
    """Analyse a campaign; ``length``: strengths at equal lengths of the answers; ``judge``: a metric that is joined
    with people. Raises UnknownName, and UsageError as ``against.together`` does.
    """
    collected = ratings.collect(store, name)
    parts = list(_preferences(collected, length) if collected.campaign.kind == "preference" else _single(collected))
    if judge is not None:
        parts.append(_together(together_in(store, collected, judge)))
    return CampaignReport(
        collected.campaign,
        collected.models,
        collected.assigned,
        len(collected.rated),
        collected.undone,
        collected.dropped,
        dict(collected.skipped),
        (*parts, _agreement(collected)),
        care(collected),
    )


def _together(joined: tuple[Together, ...]) -> Section:
    """Mean ratings of all answers, from people and a metric."""
    rows = []
    for one in joined:
        powered = one.powered
        saved = f"worth {powered.saved:.0f} more rated examples" if powered.saved is not None else powered.reason
        left = f"; {one.unjudged} answers without the metric are left out" if one.unjudged else ""
        note = f"of {powered.labels} rated and {powered.judged} other examples; {saved}{left}"
        rows.append(quantity(one.system, powered.value, powered.interval(), powered.labels, note))
    title = f"Mean ratings of all answers, people and {joined[0].metric} together"
    return Section(title, tuple(rows), "Prediction-powered (PPI++), over clusters of examples; raters as they are.")


def named(collected: Collected, number: int) -> str:
    """A system as reports call it: its model, with the run where several runs are of one model."""
    run = collected.campaign.runs[number]
    twice = list(collected.models.values()).count(collected.models[run]) > 1
    return f"{collected.models[run]} ({run})" if twice else collected.models[run]


def quantity(name: str, value: float | None, ends: Ends | None, n: int, note: str = "") -> Quantity:
    """A number with the ends of its interval, if it has any."""
    return Quantity(name, value, ends[0] if ends else None, ends[1] if ends else None, n, note)


# --------------------------------------------------------------------------------------------------------- preferences
def _preferences(collected: Collected, length: bool) -> Iterator[Section]:
    played = ratings.comparisons(collected, length=length)
    names = [named(collected, n) for n in range(len(collected.campaign.runs))]
    wins = []
    for one, two in combinations(range(len(names)), 2):
        met = {(a, b): (played.first == a) & (played.second == b) for a, b in ((one, two), (two, one))}
        chosen = met[one, two] | met[two, one]
        won = np.where(met[one, two], played.outcome, 1 - played.outcome)[chosen]
        share = clustered.mean(won, played.prompts[chosen], played.raters[chosen])
        ties = int((won == 0.5).sum())
        name, note = f"{names[one]} over {names[two]}", f"{ties} ties, half a win each"
        wins.append(_settled(name, share, share.interval(UNIT), 0.5, note))
    note = f"Share of the ratings that prefer the first; over prompts and raters.{_few(collected)}"
    yield Section("Win rates", tuple(wins), note)
    fitted = bradley_terry(names, played)
    at = " at equal lengths" if length else ""
    if fitted.values is None:
        yield Section(f"Bradley-Terry{at}", (Quantity("strengths", None, note=f"not estimable: {fitted.reason}"),))
        return
    note = f"Mean 1000; 400 points are odds of 10 to 1.{_few(collected)}"
    yield Section(f"Bradley-Terry{at}", tuple(_ratings(names, fitted)), note)


def _few(collected: Collected) -> str:
    """That intervals are wide because few raters tell little of others."""
    raters = len({one.rating.rater for one in collected.judged})
    return (
        f" {raters} raters are few: the intervals are wide, since they are of other raters too."
        if 1 < raters < FEW
        else ""
    )


def _ratings(names: list[str], fitted: Strengths) -> Iterator[Quantity]:
    for name, (value, ends), (best, worst) in zip(names, fitted.ratings(), fitted.ranks(), strict=True):
        place = f"rank {best}" if best == worst else f"rank {best} to {worst}"
        yield quantity(name, value, ends, fitted.comparisons, place)


def _settled(name: str, mean: clustered.Mean, ends: Ends | None, null: float, note: str) -> Quantity:
    """A number with its interval beside the value of "no difference", and how many ratings would tell them apart."""
    said = "; ".join(filter(None, (note, _verdict(mean, ends, null))))
    return quantity(name, mean.value, ends, mean.n, said)


def _verdict(mean: clustered.Mean, ends: Ends | None, null: float) -> str:
    """Whether a number is told from ``null``; empty where it has no interval."""
    if mean.value is None or ends is None or mean.error is None:
        return ""
    if not ends[0] <= null <= ends[1]:
        return "settled"
    if mean.value == null:
        return "no difference seen"
    if mean.error == 0:
        return "not settled: ratings that are all alike, but too few"
    more = max(1, needed(mean.error, mean.n, abs(mean.value - null)) - mean.n)
    return f"not settled: about {more:,} more ratings would, on prompts and by raters like these"


# -------------------------------------------------------------------------------------------------------- single texts
def _single(collected: Collected) -> Iterator[Section]:
    if collected.campaign.kind == "labels":
        yield from _labels(collected)
        return
    rows = ratings.scores(collected)
    better = "higher is worse" if collected.campaign.kind == "mqm" else "higher is better"
    note = f"Over prompts and raters; {better}.{_few(collected)}"
    yield _means(collected, rows, bounds(collected.campaign), "Mean ratings", note)
    if collected.campaign.kind == "direct":
        z = ratings.Scores(standardised(rows.values, rows.raters), rows.runs, rows.prompts, rows.raters, rows.examples)
        yield _means(
            collected, z, None, "Mean z scores", "Each rater's scores less their mean, in their standard deviations."
        )
    if collected.campaign.kind == "likert":
        yield _cumulative(collected, rows)
    pairs = []
    for one, two in combinations(range(len(collected.campaign.runs)), 2):
        chosen = (rows.runs == one) | (rows.runs == two)
        gap = clustered.difference(
            rows.values[chosen], rows.runs[chosen] == one, rows.prompts[chosen], rows.raters[chosen]
        )
        pairs.append(_settled(f"{named(collected, one)} less {named(collected, two)}", gap, gap.interval(), 0.0, ""))
    if pairs:
        yield Section("Differences", tuple(pairs), "On the same prompts, by the same raters.")


def _means(collected: Collected, rows: ratings.Scores, ends: Ends | None, title: str, note: str) -> Section:
    means = []
    for system in range(len(collected.campaign.runs)):
        own = rows.runs == system
        mean = clustered.mean(rows.values[own], rows.prompts[own], rows.raters[own])
        means.append(quantity(named(collected, system), mean.value, mean.interval(ends), mean.n))
    return Section(title, tuple(means), note)


def _cumulative(collected: Collected, rows: ratings.Scores) -> Section:
    """Share of ratings at each anchor or a better one."""
    shares = []
    for system in range(len(collected.campaign.runs)):
        own = rows.runs == system
        for level, anchor in list(enumerate(collected.campaign.anchors, 1))[1:]:
            reached = (rows.values[own] >= level).astype(float)
            mean = clustered.mean(reached, rows.prompts[own], rows.raters[own])
            name = f"{named(collected, system)}: at least {anchor}"
            shares.append(quantity(name, mean.value, mean.interval(UNIT), mean.n))
    return Section("Shares at least that good", tuple(shares), "Over prompts and raters.")


def _labels(collected: Collected) -> Iterator[Section]:
    rows, judged = ratings.scores(collected), collected.judged
    shares = []
    for system in range(len(collected.campaign.runs)):
        own = rows.runs == system
        for label in collected.campaign.labels:
            has = np.array([float(label in one.rating.answer["labels"]) for one in judged])[own]
            mean = clustered.mean(has, rows.prompts[own], rows.raters[own])
            shares.append(quantity(f"{named(collected, system)}: {label}", mean.value, mean.interval(UNIT), mean.n))
    yield Section("Shares of labels", tuple(shares), "Over prompts and raters.")


# ----------------------------------------------------------------------------------------------------------- agreement
def _agreement(collected: Collected) -> Section:
    table, clusters = ratings.rater_table(collected)
    if not len(table):
        return Section("Agreement of raters", ())
    weights: Literal["nominal", "ordinal", "quadratic"]
    weights = "nominal" if collected.campaign.kind == "labels" else "ordinal"
    weights = "quadratic" if collected.campaign.kind in ("direct", "mqm") else weights
    scale = _categories(collected.campaign)
    beyond = partial(agreement, table, categories=scale, clusters=clusters)
    rows = [("same answer", beyond("percent")), ("Gwet AC1", beyond("gwet"))]
    if weights != "nominal":
        rows.append((f"Gwet AC2 ({weights} weights)", beyond("gwet", weights=weights)))
    rows.append(("Fleiss kappa", beyond("fleiss")))
    rows.append(("Cohen kappa (Conger for more than two)", beyond("conger")))
    level = ALPHA_LEVELS[collected.campaign.kind]
    rows.append((f"Krippendorff alpha ({level})", krippendorff(table, level, clusters)))
    note = "1 is perfect, 0 is chance; over items of two ratings or more. Kappas are low where one answer prevails."
    return Section("Agreement of raters", tuple(_agreed(name, one) for name, one in rows), note)


def _categories(campaign: Campaign) -> Sequence[float] | None:
    """The numbers of all answers that could be given, whether any was; None where they are many or have no order."""
    if campaign.kind == "preference":
        return (0.0, 0.5, 1.0) if campaign.ties else (0.0, 1.0)
    return range(1, len(campaign.anchors) + 1) if campaign.kind == "likert" else None


def _agreed(name: str, one: Agreement) -> Quantity:
    note = "" if one.value is not None else "undefined: nothing was rated twice, or all ratings are the same"
    return quantity(name, one.value, one.interval(), one.items, note)
