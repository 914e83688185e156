"""What a step of generation reads, kept on the device: one place for every row under way."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.engine.device import onto
from harness.engine.sampling import Draws, pick_rows
from harness.types import Generate


class StepState:
    """State of ``rows`` places, each with a table of at most ``width`` pages.

    Tensors [rows] on the device: ``tokens`` (the last one of each row), ``lengths`` (tokens that its pages hold),
    ``active`` (1 where a row is under way, else 0), and of its draws ``key``, ``count``, ``temperature``, ``top_p``.
    ``table`` [rows, width]: the numbers of its pages, which the host writes and ``send`` brings up to date.
    """

    def __init__(self, rows: int, width: int, device: torch.device) -> None:
        self.rows, self.device = rows, device
        zeros: Callable[[torch.dtype], Tensor] = lambda kind: torch.zeros(rows, dtype=kind, device=device)  # noqa: E731
        self.tokens, self.key, self.count = (zeros(torch.int64) for _ in range(3))
        self.lengths, self.active = zeros(torch.int32), zeros(torch.int32)
        self.temperature, self.top_p = zeros(torch.float64), zeros(torch.float64)
        self.table = torch.zeros(rows, width, dtype=torch.int32, device=device)
        self._table = np.zeros((rows, width), np.int32)
        self._dirty = False

    @property
    def _all(self) -> tuple[Tensor, ...]:
        return self.tokens, self.lengths, self.active, self.key, self.count, self.temperature, self.top_p

    def enter(
        self, places: Sequence[int], held: Sequence[int], draws: Sequence[tuple[int, int, Generate]], logits: Tensor
    ) -> Tensor:
        """Put rows at ``places`` and pick their next tokens [places] by ``logits`` [places, vocab].

        ``held``: tokens that their pages hold; ``draws``: key, number of tokens made so far, request.
        """
        at, lengths = onto(self.device, np.array(places), np.array(held))
        wholes = np.array([[key, number] for key, number, _ in draws], np.int64).T.copy()
        floats = np.array([[request.temperature, request.top_p] for _, _, request in draws]).T.copy()
        key, count = self._sent(wholes)
        temperature, top_p = self._sent(floats)
        drawn, nucleus = bool((floats[0] > 0).any()), bool((floats[1] < 1).any())
        picked = pick_rows(logits, Draws(temperature, top_p, key, count, drawn, nucleus))
        news = (picked, lengths, torch.ones_like(lengths), key, count + 1, temperature, top_p)
        for state, new in zip(self._all, news, strict=True):
            state.index_copy_(0, at.long(), new)
        return picked

    def _sent(self, values: NDArray[Any]) -> Tensor:
        host = torch.from_numpy(values)
        return (host.pin_memory() if self.device.type == "cuda" else host).to(self.device, non_blocking=True)

    def set_pages(self, place: int, pages: Sequence[int]) -> None:
        """The pages of the row at ``place``, in order."""
        self._table[place, : len(pages)] = pages
        self._dirty = True

    def send(self) -> None:
        """Bring the table on the device up to date."""
        if self._dirty:
            (flat,) = onto(self.device, self._table.ravel())
            self.table.copy_(flat[: self._table.size].view(self.table.shape))
            self._dirty = False

    def clear(self, places: Sequence[int]) -> None:
        """Nobody is there any more; what a pass still writes for them goes to page 0."""
        self._table[list(places)] = 0
        self._dirty = True
        (index,) = onto(self.device, np.array(places))
        for state in (self.lengths, self.active):
            state.index_fill_(0, index.long(), 0)

    def compact(self, order: Sequence[int]) -> None:
        """Rows move from the places ``order`` to the first ones; every table has to be set anew."""
        (index,) = onto(self.device, np.array(order))
        for state in self._all:
            state[: len(order)] = state[index.long()]
        for state in (self.lengths, self.active):
            state[len(order) :] = 0
        self._table[:] = 0
        self._dirty = True

    def draws(self, count: int, drawn: bool, nucleus: bool) -> Draws:
        """How the next tokens of the first ``count`` places are picked."""
        return Draws(self.temperature[:count], self.top_p[:count], self.key[:count], self.count[:count], drawn, nucleus)

    def advance(self, picked: Tensor) -> None:
        """One token more at the first places; whoever is not active stays where it is."""
        count = len(picked)
        self.tokens[:count].copy_(picked)
        self.lengths[:count].add_(self.active[:count])
        self.count[:count].add_(self.active[:count])
