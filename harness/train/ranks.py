"""One of several processes evaluates; the others wait for as long as that takes and learn what came out."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
from torch import distributed

from harness.errors import HarnessError, RunError

_FOREVER = timedelta(days=365)


class Ranks:
    """The processes of a training; to be made on all of them at once. Without several it does nothing.

    They wait in a group of their own, because those of the training give up after some minutes.
    """

    def __init__(self) -> None:
        several = distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1
        self._group: Any = distributed.new_group(backend="gloo", timeout=_FOREVER) if several else None

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that evaluates."""
        return self._group is None or distributed.get_rank() == 0

    def shared(self, work: Callable[[], Any]) -> Any:
        """What the first process makes of ``work``, on every one; it must fit into JSON. Its error is raised on all."""
        if self._group is None:
            return work()
        if not self.is_first:
            value, failure = self._received()
            if failure:
                raise RunError(f"the evaluation failed on the first process: {failure}")
            return value
        try:
            value = work()
        except BaseException as error:
            self._sent([None, str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"])
            raise
        self._sent([value, ""])
        return value

    def _sent(self, message: Any) -> None:
        text = torch.frombuffer(bytearray(json.dumps(message).encode()), dtype=torch.uint8)
        distributed.broadcast(torch.tensor([len(text)]), 0, group=self._group)
        distributed.broadcast(text, 0, group=self._group)

    def _received(self) -> Any:
        length = torch.zeros(1, dtype=torch.int64)
        distributed.broadcast(length, 0, group=self._group)
        text = torch.empty(int(length), dtype=torch.uint8)
        distributed.broadcast(text, 0, group=self._group)
        return json.loads(text.numpy().tobytes())
