"""The ratings of a campaign as arrays: one row a rating that counts, its text's run, example and rater as numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.people.answers import number
from harness.people.bradley_terry import Comparisons
from harness.people.campaign import Campaign, restored
from harness.people.items import Item, restored_item

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from harness.store import Store
    from harness.store.ratings import Assignment, StoredRating
    from harness.types import Array

    Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rated:
    """One rating with what it is of."""

    rating: StoredRating
    assignment: Assignment
    item: Item


@dataclass(frozen=True, slots=True)
class Collected:
    """Everything that was said in a campaign; ``rated`` without what was taken back, ``models``: run -> model."""

    campaign: Campaign
    items: tuple[Item, ...]
    rated: tuple[Rated, ...]
    assigned: int
    dropped: Mapping[str, int]
    undone: int
    models: Mapping[str, str]

    @property
    def judged(self) -> list[Rated]:
        """Ratings of answers: no checks, repeats or skips."""
        return [
            one
            for one in self.rated
            if not one.item.expected and not one.assignment.repeated and "skipped" not in one.rating.answer
        ]

    @property
    def skipped(self) -> Counter[str]:
        """Reasons for skipping, with how often."""
        return Counter(one.rating.answer["skipped"] for one in self.rated if "skipped" in one.rating.answer)


def collect(store: Store, name: str) -> Collected:
    """All of a campaign. Raises UnknownName."""
    kept = store.ratings.campaign(name)
    campaign = restored(kept.definition)
    items = tuple(restored_item(item) for item in store.ratings.items(kept.id))
    places = {(one.rater, one.position): one for one in store.ratings.assignments(kept.id)}
    ratings = store.ratings.ratings(kept.id)
    rated = [
        Rated(one, places[one.rater, one.position], items[places[one.rater, one.position].number]) for one in ratings
    ]
    undone = sum(not one.answer for one in store.ratings.history(kept.id))
    present = {run.id: run.model for run in store.runs()}
    models = {run: present.get(run, run) for run in campaign.runs}
    return Collected(campaign, items, tuple(rated), len(places), kept.dropped, undone, models)


@dataclass(frozen=True, slots=True)
class Scores:
    """Ratings of single texts as numbers [n], with the number of the run, of the cluster of examples and of the
    rater.
    """

    values: Array
    runs: Codes
    prompts: Codes
    raters: Codes
    examples: Codes


def scores(collected: Collected) -> Scores:
    """Numbers of all judged ratings, in ``answers.number``'s sense; labels are NaN."""
    rows = collected.judged
    values = np.array([number(collected.campaign, one.rating.answer) for one in rows], dtype=float)
    runs = np.array([collected.campaign.runs.index(one.item.runs[0]) for one in rows], dtype=int)
    return Scores(values, runs, *_codes(collected, rows))


def comparisons(collected: Collected, *, length: bool = False) -> Comparisons:
    """Preferences; ``length``: with the difference in characters, in its standard deviations, as a covariate."""
    rows = collected.judged
    sides = [
        np.array([collected.campaign.runs.index(one.item.runs[side]) for one in rows], dtype=int) for side in (0, 1)
    ]
    outcome = np.array([number(collected.campaign, one.rating.answer) for one in rows], dtype=float)
    prompts, raters, _ = _codes(collected, rows)
    covariates = None
    if length:
        gap = np.array([len(one.item.texts[0]) - len(one.item.texts[1]) for one in rows], dtype=float)
        spread = float(gap.std()) if len(gap) else 0.0
        covariates = (gap / spread if spread > 0 else gap)[:, None]
    return Comparisons(sides[0], sides[1], outcome, prompts, raters, covariates)


def rater_table(collected: Collected) -> tuple[Array, Codes]:
    """(one number a judged item and rater [items, raters], NaN where there is none; clusters [items])."""
    rows, raters = collected.judged, list(collected.campaign.codes)
    numbers = sorted({one.assignment.number for one in rows})
    place = {number_: row for row, number_ in enumerate(numbers)}
    table = np.full((len(numbers), len(raters)), np.nan)
    for one in rows:
        table[place[one.assignment.number], raters.index(one.rating.rater)] = coded(
            collected.campaign, one.rating.answer
        )
    clusters = [collected.items[number_].cluster for number_ in numbers]
    return table, np.unique(clusters, return_inverse=True)[1] if clusters else np.zeros(0, dtype=int)


def coded(campaign: Campaign, answer: Mapping[str, object]) -> float:
    """An answer as a number of which equal ones agree: as ``number``, a set of labels by its members."""
    labels = answer.get("labels")
    if isinstance(labels, list):
        return float(sum(1 << campaign.labels.index(label) for label in labels))
    return number(campaign, answer)


def _codes(collected: Collected, rows: list[Rated]) -> tuple[Codes, Codes, Codes]:
    """(clusters, raters, examples) [n] as numbers."""
    names = [[one.item.cluster for one in rows], [one.rating.rater for one in rows], [one.item.example for one in rows]]
    clusters, raters, examples = (np.unique(n, return_inverse=True)[1] if n else np.zeros(0, dtype=int) for n in names)
    return clusters, raters, examples
