"""Tasks of likelihood: how well does a model predict a text, and which of two does it prefer?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import DataError
from harness.kinds.rows import NO_SHOTS, Column, Data, text_from
from harness.kinds.task import About, task_of
from harness.kinds.values import values_of
from harness.metrics.measures import LikelihoodMeasure, PairMeasure
from harness.types import Example, Failed, Judged, Likelihood, Request, Response, Row, Scored, Task


def likelihood(
    name: str,
    *,
    data: Data,
    text: Column,
    measures: Sequence[LikelihoodMeasure],
    about: About,
    context: Column = "",
    stride: int | None = None,
) -> Task:
    """How likely is ``text`` after ``context``? Without a context it is rolled through the model's window.

    ``stride``: the window advances by so many tokens; by default windows do not overlap. Raises DataError for few-shot
    examples.
    """
    _refuse_shots(name, data)
    reading = _Reading(text, context, stride, tuple(measures))
    return task_of(name, reading, Likelihood, data, about)


def pair(
    name: str,
    *,
    data: Data,
    first: Column,
    second: Column,
    measures: Sequence[PairMeasure],
    about: About,
    contexts: tuple[Column, Column] = ("", ""),
) -> Task:
    """Which of two texts, each after its context, does the model find likelier?

    ``best`` prefers the first and ``worst`` the second of each pair; where neither is better (a stereotype score) the
    metric says so by its ideal. Raises DataError for few-shot examples.
    """
    _refuse_shots(name, data)
    preference = _Preference(first, second, contexts, tuple(measures))
    return task_of(name, preference, Likelihood, data, about)


def _refuse_shots(name: str, data: Data) -> None:
    if data.shots != NO_SHOTS:
        raise DataError(f"{name}: a task of likelihoods shows no few-shot examples: leave shots out of its data")


@dataclass(frozen=True, slots=True)
class _Reading:
    """One ``Likelihood`` for each example."""

    text: Column
    context: Column
    stride: int | None
    measures: tuple[LikelihoodMeasure, ...]

    def fields(self, row: Row) -> tuple[dict[str, Any], None]:
        """What the example of a row holds; it has no target."""
        text = text_from(row, self.text)
        if not text:
            raise DataError("an empty text")
        return dict(row) | {"text": text, "context": text_from(row, self.context)}, None

    def ask(self, example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        """The likelihood of the example's text."""
        return (Likelihood(example.fields["text"], example.fields["context"], self.stride),)

    def judge(self, example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
        """The value of every measure for the text's likelihood, which is also the prediction."""
        (response,) = responses
        assert isinstance(response, Scored)
        values, failed = values_of(self.measures, example, response)
        return Judged(f"{response.logprob:.4f}", values, None, failed)

    def best(self, example: Example) -> tuple[Response, ...]:
        """Every byte is nearly certain."""
        return self._scored(example, -1e-9)

    def worst(self, example: Example) -> tuple[Response, ...]:
        """Every byte is a surprise of 20 nats."""
        return self._scored(example, -20.0)

    def _scored(self, example: Example, each: float) -> tuple[Response, ...]:
        size = len(example.fields["text"].encode())
        return (Scored(each * size, size, size, each > -1, (each,) * size),)


@dataclass(frozen=True, slots=True)
class _Preference:
    """Two ``Likelihood`` for each example, which are compared."""

    first: Column
    second: Column
    contexts: tuple[Column, Column]
    measures: tuple[PairMeasure, ...]

    def fields(self, row: Row) -> tuple[dict[str, Any], None]:
        """What the example of a row holds; it has no target."""
        texts = {"first": text_from(row, self.first), "second": text_from(row, self.second)}
        empty = next((key for key, text in texts.items() if not text), None)
        if empty:
            raise DataError(f"an empty {empty} text")
        return dict(row) | texts | {"contexts": tuple(text_from(row, context) for context in self.contexts)}, None

    def ask(self, example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        """The likelihood of either text."""
        f = example.fields
        return Likelihood(f["first"], f["contexts"][0]), Likelihood(f["second"], f["contexts"][1])

    def judge(self, example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
        """The value of every measure; the prediction is the likelier text."""
        one, two = responses
        assert isinstance(one, Scored) and isinstance(two, Scored)
        picked = "first" if one.logprob > two.logprob else "second" if two.logprob > one.logprob else "tie"
        values, failed = values_of(self.measures, example, one, two)
        return Judged(picked, values, None, failed)

    def best(self, example: Example) -> tuple[Response, ...]:
        """The first text by far."""
        return _at(example.fields["first"], -0.01), _at(example.fields["second"], -10.0)

    def worst(self, example: Example) -> tuple[Response, ...]:
        """The second text by far."""
        return _at(example.fields["first"], -10.0), _at(example.fields["second"], -0.01)


def _at(text: str, each: float) -> Scored:
    """A text whose every word has the log-probability ``each``."""
    words = max(1, len(text.split()))
    return Scored(each * words, words, len(text.encode()), False, (each,) * words)
