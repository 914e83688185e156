"""What a run needs of a cache of answers; `harness.store.cache` is one in a file."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from harness.types.requests import Request
from harness.types.responses import Response


class Cache(Protocol):
    """Answers of earlier runs, each under the fingerprint of the model that gave it."""

    def get_many(self, fingerprint: Mapping[str, str], requests: Sequence[Request]) -> dict[int, Response]:
        """Position -> response of the requests that this very model has answered before."""

    def put_many(self, fingerprint: Mapping[str, str], pairs: Iterable[tuple[Request, Response]]) -> None:
        """Keep responses; a failure is never kept."""
