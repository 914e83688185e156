"""The attention that a model is given while this core runs it: every layer asks the pass that is under way.

The pass is a context variable, not an argument, since not every model hands its arguments on to its layers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from torch import Tensor

from harness.engine.causal.attention.rule import LayerRule, rule_of

ATTENTION = "harness"


class Pass(Protocol):
    """One forward pass: what its tokens see, and where their keys and values go."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rule: LayerRule) -> Tensor:
        """q [1, h, tokens, d], k and v [1, h_kv, tokens, d] -> [1, h, tokens, d]."""
        ...


_PASS: ContextVar[Pass] = ContextVar("pass")


@contextmanager
def under_way(work: Pass) -> Iterator[None]:
    """In this thread the model computes ``work``."""
    token = _PASS.set(work)
    try:
        yield
    finally:
        _PASS.reset(token)


def attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **others: Any,
) -> tuple[Tensor, None]:
    """The function that transformers calls: [1, h, tokens, d] -> ([1, tokens, h, d], no weights).

    Raises ValueError for what it does not know, such as a mask of the model's own.
    """
    if attention_mask is not None:
        raise ValueError("attention with a mask of its own is not known here")
    rule = rule_of(module, query.shape[-1], scaling, others)
    out = _PASS.get().attend(module.layer_idx, query, key, value, rule)
    return out.transpose(1, 2).contiguous(), None


@contextmanager
def attending(model: Any) -> Iterator[None]:
    """The model with this attention; its own comes back afterwards."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, attention)
    before = model.config._attn_implementation
    model.set_attn_implementation(ATTENTION)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
