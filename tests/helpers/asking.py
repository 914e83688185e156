"""Questions without a benchmark around them, and their answers in order."""

from collections.abc import Sequence
from typing import Any

from harness.types import Card, Example, Question, Request, Response, Task

TASK = Task(
    name="any",
    version=1,
    dataset=(),
    read=lambda rows, dataset: [],
    ask=lambda example, shots: (),
    judge=lambda example, responses: (_ for _ in ()).throw(AssertionError),
    best=lambda example: (),
    worst=lambda example: (),
    metrics=(),
    card=Card(measures="", limits="", source="", licence=""),
)


def asked(requests: Sequence[Request]) -> list[Question]:
    """A question for every request."""
    return [Question(TASK, Example(str(i), {}), 0, request) for i, request in enumerate(requests)]


def ask(backend: Any, requests: Sequence[Request]) -> list[Response]:
    """The answers, in the order of the requests."""
    found = {position: response for batch in backend.answer(asked(requests)) for position, response in batch}
    return [found[i] for i in range(len(requests))]
