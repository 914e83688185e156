"""How fast a server may be asked: so many requests and so many tokens a minute, evenly spaced."""

import time
from collections.abc import Awaitable, Callable

from harness.engine.elsewhere.http_body import NEWER, Json

CHARACTERS = 4
"""Of a token, about: a server counts with a tokenizer that is not at hand."""


class RateLimit:
    """Keeps requests apart by the part of a minute that each takes of what is allowed; None is no limit.

    A request counts with about as many tokens as it has, and with the most that its answer may have. All but the last
    request of any minute are within the limits.
    """

    def __init__(
        self,
        requests: float | None,
        tokens: float | None,
        pause: Callable[[float], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requests, self._tokens = requests, tokens
        self._pause, self._clock = pause, clock
        self._free = 0.0

    async def turn(self, body: Json) -> None:
        """Wait until ``body`` may be sent."""
        now = self._clock()
        start = max(now, self._free)
        each = 60 / self._requests if self._requests else 0.0
        share = 60 * tokens_of(body) / self._tokens if self._tokens else 0.0
        self._free = start + max(each, share)
        if start > now:
            await self._pause(start - now)


def tokens_of(body: Json) -> float:
    """About how many tokens a request has, and its answer at most."""
    texts = [body.get("prompt", ""), *(message["content"] for message in body.get("messages", ()))]
    answer: int = body[NEWER] if NEWER in body else body.get("max_tokens", 0)
    return sum(map(len, texts)) / CHARACTERS + answer
