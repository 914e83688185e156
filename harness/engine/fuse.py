"""Norms and gated feed-forward layers without fresh memory for every intermediate result, while the tree is computed.

The element-wise work of a small model is dominated by touching new memory. A replacement is used only for a module
whose own output it reproduces on a sample; the reference never sees it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Forward = Callable[[Tensor], Tensor]


def fusable(model: Any) -> Mapping[nn.Module, Forward]:
    """Modules of a float32 model with the forward function that may stand in for theirs."""
    if model.dtype != torch.float32:
        return {}
    found: dict[nn.Module, Forward] = {}
    for module in model.modules():
        if "forward" in vars(module):  # somebody else's hook, such as one that moves inputs between devices
            continue
        forward = _norm(module) or _feed_forward(module)
        if forward is not None:
            found[module] = forward
    samples = {type(module): (module, forward) for module, forward in found.items()}
    proven = {kind for kind, (module, forward) in samples.items() if _same(module, forward)}
    return {module: forward for module, forward in found.items() if type(module) in proven}


@contextmanager
def fused(modules: Mapping[nn.Module, Forward]) -> Iterator[None]:
    """The replacements in place of the modules' own forward functions."""
    for module, forward in modules.items():
        module.forward = forward
    try:
        yield
    finally:
        for module in modules:
            del module.forward


def _norm(module: nn.Module) -> Forward | None:
    """x * weight / root mean square of x (Zhang and Sennrich 2019)."""
    eps = getattr(module, "variance_epsilon", None)
    weight = getattr(module, "weight", None)
    if not type(module).__name__.endswith("RMSNorm") or eps is None or weight is None:
        return None
    return lambda x: functional.rms_norm(x, (x.shape[-1],), weight, eps)


def _feed_forward(module: nn.Module) -> Forward | None:
    """down(silu(gate(x)) * up(x))."""
    parts = [getattr(module, name, None) for name in ("gate_proj", "up_proj", "down_proj")]
    if not all(isinstance(part, nn.Linear) for part in parts):
        return None
    gate, up, down = parts
    assert gate is not None and up is not None and down is not None

    def forward(x: Tensor) -> Tensor:
        hidden = functional.silu(gate(x), inplace=True).mul_(up(x))
        return down(hidden)  # type: ignore[no-any-return]

    return forward


@torch.inference_mode()
def _same(module: nn.Module, forward: Forward) -> bool:
    first = next(module.parameters())
    width = first.shape[-1]
    sample = torch.linspace(-2, 2, 3 * width, device=first.device, dtype=first.dtype).sin().view(1, 3, width)
    try:
        return torch.allclose(module(sample), forward(sample.clone()), atol=1e-5, rtol=1e-5)
    except Exception:  # whatever a module that only looks alike raises
        return False
