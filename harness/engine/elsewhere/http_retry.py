"""Requests to one server, with patience for what passes and bounds for what does not: time, size, attempts."""

import json
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio
import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from harness.engine.elsewhere.http_address import Address
from harness.engine.elsewhere.http_body import LIMIT, MALFORMED, PASSING, GaveUp, Json, Refused, parsed
from harness.engine.elsewhere.http_limit import RateLimit
from harness.engine.elsewhere.http_usage import Usage
from harness.errors import ModelError
from harness.types import FailureKind

ATTEMPTS = 6
ENDING = {401: "the key is refused", 402: "it wants to be paid"}
AT_FIRST = {403: "access is denied", 404: "no such model or path"}
"""They end a run that has had no answer yet; later they cost that answer, for a filter may have said so."""
SPENT = re.compile(r"insufficient_\w*(quota|balance|credit|fund)|billing|payment_required|current_quota")
"""Codes of an error, mostly a 429, that no waiting helps."""
Pause = Callable[[float], Awaitable[None]]
T = TypeVar("T")


class Calls:
    """Posts to one server. ``counts``: requests sent and retries among them; ``usage``: tokens that it counted."""

    def __init__(
        self,
        address: Address,
        base_url: str,
        timeout: float,
        pause: Pause = anyio.sleep,
        limit: RateLimit | None = None,
    ) -> None:
        self.address = address
        self.counts = {"requests": 0, "retries": 0}
        self.usage = Usage()
        self._base_url = httpx.URL(base_url.strip()).copy_with(userinfo=b"", query=None, fragment=None)
        self._timeout = timeout
        self._pause = pause
        self._limit = limit or RateLimit(None, None, pause)
        self._draw = random.Random(0)
        self._answered = False

    @contextmanager
    def open(self, connections: int = 1) -> Iterator[BlockingPortal]:
        """A thread with the event loop in which ``present`` and ``post`` run; leaving it cancels what still does."""
        client = httpx.AsyncClient(
            base_url=self._base_url,
            params=dict(self.address.params),
            headers={**self.address.headers, "Accept-Encoding": "gzip", "Content-Type": "application/json"},
            timeout=httpx.Timeout(None, connect=self._timeout),  # each attempt has one deadline for all that it does
            limits=httpx.Limits(max_connections=connections),
        )
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(client) as self._client:
            yield portal

    async def present(self) -> None:
        """Raises ModelError where no server answers at all."""
        try:
            with anyio.fail_after(self._timeout):
                async with self._client.stream("GET", "models"):
                    return
        except (httpx.RequestError, TimeoutError) as error:
            raise ModelError(f"{self.address.shown}: {self._told(error)}") from None

    async def post(self, path: str, body: Json, read: Callable[[Json], T]) -> T:
        """What ``read`` takes from the answer, whose ValueErrors ask for another attempt.

        Raises GaveUp where none brought one or none would, ModelError where no other request would be answered either.
        """
        kind: FailureKind = "server"
        reason, wait = "", 0.0
        last: Refused | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._pause(wait)
            await self._limit.turn(body)
            self.counts["requests"] += 1
            self.counts["retries"] += attempt > 0
            wait = min(30.0, 0.5 * 2**attempt) * self._draw.uniform(0.5, 1.5)
            last = None
            try:
                result = read(await self._counted(path, body))
            except Refused as error:
                kind, reason, last = "server", self._refused(error), error
                wait = error.wait or wait
            except (httpx.RequestError, TimeoutError) as error:
                nobody = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                kind, reason = "connection" if nobody else "server", self._told(error)
            except MALFORMED as error:
                words = str(error) if isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: {error}"
                kind, reason = "server", f"malformed answer: {self.address.clean(words)}"
            else:
                self._answered = True
                return result
        raise GaveUp(kind, reason, last.words if last else "", last.status if last else None)

    async def _counted(self, path: str, body: Json) -> Json:
        """``_attempt``, with what it has cost: one that was sent and brought no whole answer may have cost too."""
        try:
            answer = await self._attempt(path, body)
        except (Refused, httpx.ConnectError, httpx.ConnectTimeout):
            raise
        except Exception:
            self.usage.uncounted += 1
            raise
        self.usage.add(answer)
        return answer

    async def _attempt(self, path: str, body: Json) -> Json:
        """The JSON of one answer. Raises Refused for an error, GaveUp for one that is too large."""
        parts, size = [], 0
        with anyio.fail_after(self._timeout):
            async with self._client.stream("POST", path, content=json.dumps(body)) as answer:
                async for part in answer.aiter_raw():
                    size += len(part)
                    if size > LIMIT:
                        raise GaveUp("too-large", f"an answer of more than {LIMIT:,} bytes")
                    parts.append(part)
        return parsed(answer.status_code, answer.headers, b"".join(parts), time.time())

    def _refused(self, error: Refused) -> str:
        """The reason to try again. Raises GaveUp or ModelError where that is in vain."""
        status, said = error.status, self.address.clean(error.words)
        spent = status < 500 and SPENT.search(error.code)
        reason = f"HTTP {status}: {said}"
        if status in ENDING or spent or (status in AT_FIRST and not self._answered):
            why = (ENDING | AT_FIRST).get(status, "waiting does not help")
            raise ModelError(f"{self.address.shown}: {reason} ({why})")
        if status not in PASSING:
            raise GaveUp("server" if status in AT_FIRST else "refused", reason, error.words, status)
        return reason

    def _told(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"no whole answer within {self._timeout:g} seconds (--timeout)"
        return self.address.clean(f"{type(error).__name__}: {error}")
