"""What a model in half precision would say if it were computed in float32, and how far from that a way to run it is.

Two ways of computing the same model in bfloat16 differ by as much as either differs from the truth; which of them is
the plain forward pass says nothing about which is right. So both are held against the same weights in float32.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

HALF = (torch.bfloat16, torch.float16)
FACTOR = 1.25
"""A way is as true as the plain pass if its error is at most so many times the plain pass's, plus the floor."""
FLOOR = {torch.bfloat16: 0.05, torch.float16: 0.01}
"""Nats a token that nobody has to account for: what luck makes of the errors of a few hundred tokens."""

TIPPED = 0.1
"""Nats a token, in the mean of some hundred, that ties of routers may add; wrong ways measured .39 to 6."""
_ROUTED = ("num_experts", "num_local_experts", "n_routed_experts")


@dataclass(frozen=True, slots=True)
class Error:
    """Distances |log P - log P in float32| over ``tokens`` tokens, in nats; ``high`` is their 95th percentile."""

    median: float
    mean: float
    high: float
    worst: float
    tokens: int

    @staticmethod
    def of(values: Sequence[NDArray[Any]], truth: Sequence[NDArray[Any]]) -> "Error":
        """Over the tokens of all spans; a number that is none counts as infinitely far."""
        off = np.abs(np.concatenate(values).astype(np.float64) - np.concatenate(truth))
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

    def few_are_off(self, plain: "Error", model: Any) -> bool:
        """Does ``model`` choose experts, and is the median in order and the mean at most ``TIPPED`` nats worse?

        So it looks when a tie tips; whether that is why has to be seen in float32.
        """
        config = model.config.get_text_config()
        routed = any(getattr(config, name, None) for name in _ROUTED)
        usual = self.median <= FACTOR * plain.median + FLOOR[model.dtype]
        return routed and usual and self.mean <= plain.mean + TIPPED

    def __str__(self) -> str:
        return f"median {self.median:.2g}, mean {self.mean:.2g}, worst {self.worst:.2g}"


@contextmanager
def in_float32(model: Any) -> Iterator[None]:
    """Every module of ``model`` computes in float32: its weights are widened when it is called and put back after.

    So no second copy of the model is needed, only of one module's weights at a time. They are its own and, inside a
    layer, those of the leaves below it: some modules look at a leaf's weights without calling it. So do some models at
    their head's.
    """
    head = model.get_output_embeddings()
    with ExitStack() as stack:
        for name, module in model.named_modules():
            leaves = [one for one in module.children() if one is head or (_in_layer(name) and not any(one.children()))]
            stores = [store for one in (module, *leaves) for store in (one._parameters, one._buffers) if _half(store)]
            if stores:
                _widened(module, stores, stack)
        yield


def _in_layer(name: str) -> bool:
    """Is it the name of a module below a list of modules, such as ``layers.3.mlp``?"""
    return any(part.isdigit() for part in name.split("."))


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


def disagreement(
    model: Any, logits: Sequence[Tensor], wholes: Sequence[list[int]], wide: Callable[[], list[Tensor]] | None = None
) -> str:
    """How ``logits`` after sequences of tokens differ from the model's own; empty where they agree.

    In half precision both are held against the same weights in float32, see ``truth``. ``wide`` computes ``logits``
    again; it is asked, in float32, where ties of a router may be why they differ.
    """
    ours = [after.double().log_softmax(-1).cpu().numpy() for after in logits]
    plain = [after_plain(model, whole) for whole in wholes]
    if model.dtype not in HALF:
        off = Error.of(ours, plain)
        return "" if off.worst <= 1e-3 else f"its logits differ by {off.worst:.2g} from its own forward pass"
    try:
        with in_float32(model):
            truth = [after_plain(model, whole) for whole in wholes]
    except Exception:  # whatever a model's own code raises when its weights are of another dtype than it thinks
        off = Error.of(ours, plain)
        return "" if off.mean <= 0.1 and off.worst <= 1.0 else f"its logits differ by {off} from its own forward pass"
    off, own = Error.of(ours, truth), Error.of(plain, truth)
    if off.as_true_as(own, model.dtype):
        return ""
    if wide is not None and off.few_are_off(own, model):
        try:
            with in_float32(model):
                same = [after.double().log_softmax(-1).cpu().numpy() for after in wide()]
        except Exception:  # as above
            same = ours
        if Error.of(same, truth).worst <= 1e-3:
            return ""
    return f"its logits are off by more (nats: {off}) than those of its own forward pass ({own})"


def after_plain(model: Any, whole: Sequence[int]) -> NDArray[Any]:
    """log P of every token of the vocabulary after ``whole``, by the model's own forward pass."""
    logits = model(torch.tensor([list(whole)], device=model.device), use_cache=False).logits[0, -1]
    return logits.double().log_softmax(-1).cpu().numpy()  # type: ignore[no-any-return]
