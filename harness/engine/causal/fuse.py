"""Stand-ins for a model's modules while the tree is computed; the reference never sees them.

Norms and gated feed-forward layers do without fresh memory for every intermediate result: the element-wise work of a
small model is dominated by touching new memory. Products by weights come from the faster library. The last layer
computes only the rows that somebody reads, apart from its keys and values. A stand-in is used only for a module whose
own output it reproduces on a sample.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.engine.device import fast_kernels, linear, multiplies_by_onednn

Forward = Callable[[Tensor], Tensor]
_READ: ContextVar[Tensor | None] = ContextVar("read", default=None)


def fusable(model: Any) -> Mapping[nn.Module, Forward]:
    """Modules of a model with the forward function that may stand in for theirs."""
    forwards: dict[nn.Module, Forward] = {}
    for module in model.modules():
        if "forward" in vars(module):  # somebody else's hook, such as one that moves inputs between devices
            continue
        forward = _norm(module) or _feed_forward(module) or _linear(module)
        if forward is not None:
            forwards[module] = forward
    samples = {type(module): (module, forward) for module, forward in forwards.items()}
    proven = {kind for kind, (module, forward) in samples.items() if _same(module, forward)}
    fast = {module: forward for module, forward in forwards.items() if type(module) in proven}
    return fast | {module: _of_read_rows(fast.get(module, module.forward)) for module in _last(model, fast)}


@contextmanager
def reading(rows: Tensor | None) -> Iterator[None]:
    """In this thread only ``rows`` of a pass (None: all) are read from its last layer."""
    token = _READ.set(rows)
    try:
        yield
    finally:
        _READ.reset(token)


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


def _last(model: Any, fast: Mapping[nn.Module, Forward]) -> list[nn.Module]:
    """Modules of the last layer that treat every row alone: feed-forward layer, queries, output of the attention."""
    layers = getattr(model.base_model, "layers", None)
    if not isinstance(layers, nn.ModuleList) or not len(layers):
        return []
    attention, feed_forward = (getattr(layers[-1], name, None) for name in ("self_attn", "mlp"))
    projections = [getattr(attention, name, None) for name in ("q_proj", "o_proj")]
    modules: list[nn.Module] = [one for one in projections if type(one) is nn.Linear and "forward" not in vars(one)]
    if isinstance(feed_forward, nn.Module) and feed_forward in fast:
        modules.append(feed_forward)
    return modules


def _of_read_rows(forward: Forward) -> Forward:
    """``forward`` of the rows that are read, zeros for the others. x [1, rows, width]."""

    def some(x: Tensor) -> Tensor:
        rows = _READ.get()
        if rows is None:
            return forward(x)
        part = forward(x[:, rows.to(x.device)])
        return part.new_zeros(1, x.shape[1], part.shape[-1]).index_copy_(1, rows.to(part.device), part)

    return some


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
        if fast_kernels(x.device):
            from harness.engine.causal.small_kernels import gated

            return down(gated(gate(x), up(x)))  # type: ignore[no-any-return]
        return down(functional.silu(gate(x), inplace=True).mul_(up(x)))  # type: ignore[no-any-return]

    return forward


def _linear(module: nn.Module) -> Forward | None:
    """A product by weights, where torch itself would take the slower library."""
    if type(module) is not nn.Linear or module.weight.device.type != "cpu" or module.weight.dtype != torch.float32:
        return None
    return (lambda x: linear(x, module.weight, module.bias)) if multiplies_by_onednn() else None


@torch.inference_mode()
def _same(module: nn.Module, forward: Forward) -> bool:
    first = next(module.parameters())
    width = first.shape[-1]
    sample = torch.linspace(-2, 2, 3 * width, device=first.device, dtype=first.dtype).sin().view(1, 3, width)
    try:
        allowed = 1e-5 if first.dtype == torch.float32 else 4 * torch.finfo(first.dtype).eps
        return torch.allclose(module(sample), forward(sample.clone()), atol=allowed, rtol=allowed)
    except Exception:  # whatever a module that only looks alike raises
        return False
