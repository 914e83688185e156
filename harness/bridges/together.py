"""Requests that come one by one from many tasks of an event loop, asked together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import anyio

from harness.engine.backend import Backend
from harness.errors import RunError, TooLong
from harness.types import Failed, Generate, Question, Request, Response

PAUSE = 0.05
"""Seconds that the first of some requests waits for those that come with it."""


@dataclass(slots=True, eq=False)
class Waiting:
    """A request until it has its response, or the error that it ended in."""

    request: Request
    response: Response | Exception | None = None


class Asking:
    """Collects the requests of the tasks of an event loop and asks a backend about all of them at once."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.batches = 0
        self._draws: WeakKeyDictionary[object, Counter[Generate]] = WeakKeyDictionary()
        self._waiting: list[Waiting] = []
        self._busy = anyio.Lock()

    def drawn(self, request: Generate, count: int = 1, asker: object = None) -> list[Generate]:
        """A request ``count`` times; one that is drawn each time with the next seed that its asker has not had yet.

        ``asker``: whoever counts for himself, so that his answers do not depend on who else asks the same.
        """
        if not request.temperature:
            return [request] * count
        draws = self._draws.setdefault(self if asker is None else asker, Counter())
        first = request.seed + draws[request]
        draws[request] += count
        return [replace(request, seed=first + n) for n in range(count)]

    async def answers(self, requests: Sequence[Request]) -> list[Response]:
        """The answers to requests, in order.

        Raises RunError for an answer that is none, and what the backend raises.
        """
        mine = [Waiting(request) for request in requests]
        self._waiting += mine
        async with self._busy:
            if mine[0].response is None:  # they were not among those that the one before took along
                await anyio.sleep(PAUSE)
                some, self._waiting = self._waiting, []
                await anyio.to_thread.run_sync(self._answer, some)
        return [_answer_of(one.response) for one in mine]

    def _answer(self, some: Sequence[Waiting]) -> None:
        """Answer all; where one is too long for the model, each alone, so that it fails for itself."""
        distinct = list(dict.fromkeys(one.request for one in some))
        questions = [Question("inspect", str(n), n, request) for n, request in enumerate(distinct)]
        self.batches += 1
        try:
            answers = dict(pair for batch in self.backend.answer(questions) for pair in batch)
        except TooLong as error:
            for one in some:
                if len(distinct) > 1:
                    self._answer([one])
                else:
                    one.response = error
        except Exception as error:  # each of them is told, whatever it is
            for one in some:
                one.response = error
        else:
            for one in some:
                one.response = answers[distinct.index(one.request)]


def _answer_of(response: Response | Exception | None) -> Response:
    if isinstance(response, Exception):
        raise response
    if response is None or isinstance(response, Failed):
        raise RunError(f"{response.kind}: {response.message}" if response else "no answer came back")
    return response
