"""What a model in half precision would say if it were computed in float32, and how far from that a way to run it is.

Two ways of computing the same model in bfloat16 differ by as much as either differs from the truth; which of them is
the plain forward pass says nothing about which is right. So both are held against the same weights in float32.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

HALF = (torch.bfloat16, torch.float16)
FACTOR = 1.25
"""A way is as true as the plain pass if its error is at most so many times the plain pass's, plus the floor."""
FLOOR = {torch.bfloat16: 0.05, torch.float16: 0.01}
"""Nats a token that nobody has to account for: what luck makes of the errors of a few hundred tokens."""


@dataclass(frozen=True, slots=True)
class Error:
    """Distances |log P - log P in float32| over ``tokens`` tokens, in nats; ``high`` is their 95th percentile."""

    median: float
    mean: float
    high: float
    worst: float
    tokens: int

    @staticmethod
    def of(found: Sequence[NDArray[Any]], truth: Sequence[NDArray[Any]]) -> "Error":
        """Over the tokens of all spans; a number that is none counts as infinitely far."""
        off = np.abs(np.concatenate(found).astype(np.float64) - np.concatenate(truth))
        off = np.where(np.isfinite(off), off, np.inf)
        return Error(
            float(np.median(off)), float(off.mean()), float(np.quantile(off, 0.95)), float(off.max()), len(off)
        )

    def as_true_as(self, plain: "Error", dtype: torch.dtype) -> bool:
        """Are median, mean and 95th percentile within ``FACTOR`` times the plain pass's and the floor?

        The worst of a few hundred is luck: where a router chooses experts, a tie that tips moves one token by a nat.
        """
        mine, theirs = (self.median, self.mean, self.high), (plain.median, plain.mean, plain.high)
        return all(a <= FACTOR * b + FLOOR[dtype] for a, b in zip(mine, theirs, strict=True))

    def __str__(self) -> str:
        return f"median {self.median:.2g}, mean {self.mean:.2g}, worst {self.worst:.2g}"


@contextmanager
def in_float32(model: Any) -> Iterator[None]:
    """Every module of ``model`` computes in float32: its weights are widened when it is called and put back after.

    So no second copy of the model is needed, only of one module's own weights at a time.
    """
    with ExitStack() as stack:
        for module in model.modules():
            own = [store for store in (module._parameters, module._buffers) if _half(store)]
            if own:
                _widened(module, own, stack)
        yield


def _half(store: dict[str, Any]) -> list[str]:
    return [name for name, value in store.items() if value is not None and value.dtype in HALF]


def _widened(module: nn.Module, stores: Sequence[dict[str, Any]], stack: ExitStack) -> None:
    narrow: list[tuple[dict[str, Any], str, Any]] = []

    def widen(_: nn.Module, inputs: Any) -> None:
        for store in stores:
            for name in _half(store):
                narrow.append((store, name, store[name]))
                store[name] = store[name].float()

    def restore(_: nn.Module, inputs: Any, output: Any) -> None:
        while narrow:
            store, name, value = narrow.pop()
            store[name] = value

    stack.enter_context(module.register_forward_pre_hook(widen))
    stack.enter_context(module.register_forward_hook(restore, always_call=True))
    stack.callback(restore, module, None, None)
