"""A task from what its kind does: where its rows come from, what it says of itself, what it asks and how it judges."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.kinds.rows import Data, reader
from harness.metrics.measures import Measure
from harness.types import Card, Example, Failed, Judged, Request, Response, Row, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The version of a task, its card and its tags.

    Raise ``version`` whenever the prompt or the judging changes: numbers of two versions are never compared.
    ``tags`` select tasks (``--tasks tag:NAME``).
    """

    version: int
    card: Card
    tags: Sequence[str] = ()


class Kind(Protocol):
    """What a kind of task does with a row: one example, its requests, its judge, and two scripted models."""

    @property
    def measures(self) -> Sequence[Measure[Any]]:
        """What the judge gives values for."""

    def fields(self, row: Row) -> tuple[dict[str, Any], Any]:
        """The fields and the target of a row's example."""

    def ask(self, example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        """What the model is asked, after few-shot examples."""

    def judge(self, example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
        """What the responses are worth."""

    def best(self, example: Example) -> tuple[Response, ...]:
        """The responses of a perfect model."""

    def worst(self, example: Example) -> tuple[Response, ...]:
        """The responses of a perfectly wrong model."""


def task_of(name: str, kind: Kind, asks: type[Request], data: Data, about: About) -> Task:
    """The task of a kind whose requests are all of the type ``asks``."""
    return Task(
        name=name,
        version=about.version,
        dataset=data.datasets,
        read=reader(name, data, kind.fields),
        ask=kind.ask,
        judge=kind.judge,
        best=kind.best,
        worst=kind.worst,
        metrics=tuple(measure.metric for measure in kind.measures),
        card=about.card,
        requests=frozenset({asks}),
        shots=data.shots,
        tags=frozenset(about.tags),
    )
