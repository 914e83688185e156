"""Tasks with a judge of their own: what is asked and how it is judged are functions of the task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.kinds.rows import NO_SHOTS, Prepare, reader_of
from harness.kinds.task import About
from harness.types import Dataset, Example, Failed, Judged, Metric, Request, Response, Row, Shots, Task

Ask = Callable[[Example, Sequence[Example]], tuple[Request, ...]]
"""(example, few-shot examples) -> what the model is asked."""
Judge = Callable[[Example, tuple[Response, ...]], Judged | Failed]
"""(example, responses in the order of the requests, none of them Failed) -> what they are worth."""
Respond = Callable[[Example], tuple[Response, ...]]
"""An example -> the responses of a scripted model."""


@dataclass(frozen=True, slots=True)
class Items:
    """Where the examples of a probe come from: its datasets, and ``example``, which makes one of a row.

    ``example`` may raise KeyError, TypeError, ValueError or DataError for a row that does not fit: the row is then
    named. ``prepare`` regroups the rows of a dataset first. ``shots``: where few-shot examples come from.
    """

    dataset: Dataset | Sequence[Dataset]
    example: Callable[[Row, Dataset], Example]
    prepare: Prepare | None = None
    shots: Shots = NO_SHOTS


@dataclass(frozen=True, slots=True)
class Extremes:
    """The responses of a perfect and of a perfectly wrong model, with which every task is tested."""

    best: Respond
    worst: Respond


def probe(
    name: str,
    *,
    items: Items,
    ask: Ask,
    asks: type[Request],
    judge: Judge,
    metrics: Sequence[Metric],
    extremes: Extremes,
    about: About,
) -> Task:
    """A task whose judge gives a value for each of ``metrics`` itself, from the responses to what ``ask`` asks.

    ``asks`` is the kind of all its requests. A metric that does not apply to an example gets no value from the judge.
    """

    def example(row: Row, number: int, dataset: Dataset) -> Example:
        return items.example(row, dataset)

    return Task(
        name=name,
        version=about.version,
        dataset=(items.dataset,) if isinstance(items.dataset, Dataset) else tuple(items.dataset),
        read=reader_of(name, example, items.prepare),
        ask=ask,
        judge=judge,
        best=extremes.best,
        worst=extremes.worst,
        metrics=tuple(metrics),
        card=about.card,
        requests=frozenset({asks}),
        shots=items.shots,
        tags=frozenset(about.tags),
    )
