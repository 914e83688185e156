"""Questions without a benchmark around them, and their answers in order."""

from collections.abc import Sequence
from typing import Any

from harness.types import Question, Request, Response


def asked(requests: Sequence[Request]) -> list[Question]:
    """A question for every request."""
    return [Question("any", str(i), 0, request) for i, request in enumerate(requests)]


def ask(backend: Any, requests: Sequence[Request]) -> list[Response]:
    """The answers, in the order of the requests."""
    found = {position: response for batch in backend.answer(asked(requests)) for position, response in batch}
    return [found[i] for i in range(len(requests))]
