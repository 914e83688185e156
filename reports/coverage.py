"""Which grounds of discrimination the probes of a run touch, by the words of its tasks, and which they do not."""

import re
from collections.abc import Iterator, Mapping, Sequence

from harness.store import Store
from harness.types import Run

GROUNDS: Mapping[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "sex and gender": "sex gender male female man woman men women pronoun pronouns she he feminine masculine",
        "race, colour and ethnic origin": "race racial ethnicity ethnic black white asian hispanic european color",
        "nationality": "nationality nationalities nation country",
        "religion or belief": "religion religions religious christian muslim jewish hindu buddhist islam judaism",
        "age": "age ageism old young elderly",
        "disability": "disability disabilities disabled autism",
        "sexual orientation": "orientation queer gay lesbian bisexual homosexual nonqueer",
        "social origin and property": "ses socioeconomic class rich poor income profession occupation occupations",
        "physical appearance": "appearance obese height weight",
        "language and dialect": "dialect accent aave",
        "political opinion": "political politics ideology ideologies",
    }.items()
}
"""Words by ground: those of Article 21 of the EU Charter that a text can name, and physical appearance (of BBQ)."""

BY_WORDS = (
    "A ground counts as touched where the name, card or groups of a task name it; that is no measure of how well."
)


def touched(store: Store, run: Run, tasks: set[str]) -> list[str]:
    """The grounds that these tasks of the run are about."""
    words = {word for text in _texts(store, run, tasks) for word in re.split(r"[^a-z]+", text.lower())}
    return [ground for ground, own in GROUNDS.items() if own & words]


def untouched(covered: Sequence[str]) -> list[str]:
    """The other grounds."""
    return [ground for ground in GROUNDS if ground not in covered]


def _texts(store: Store, run: Run, tasks: set[str]) -> Iterator[str]:
    for task in run.tasks:
        if task.name in tasks:
            yield task.name
            yield task.card.measures
            yield from (metric.variant.label for metric in task.metrics if metric.variant)
    yield from (e.slice for e in store.results(run.id) if e.task in tasks and e.n)
