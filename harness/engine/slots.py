"""Keys and values of the prompts and answers under way, and the attention that reads them without padding work.

A forward pass is a row of tokens [1, tokens] in which every token knows its slot. Attention is registered with
transformers under the name ``ATTENTION`` and is given the pass as the keyword ``harness_pass``; keys of a token are
the shared prefix, then those of its own slot. The parts are attended separately and joined by their log-sum-exp.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import torch
from torch import Tensor

ATTENTION = "harness_slots"
UNKNOWN = ("sliding_window", "softcap", "s_aux", "position_bias", "head_mask")


def partial_attention(
    q: Tensor, k: Tensor, v: Tensor, scale: float, *, causal: bool = False, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Attention over a part of the keys: output [b, h, n, d] and log-sum-exp of the scores [b, h, n] in float32.

    q [b, h, n, d]; k, v [b, h_kv, m, d] with h a multiple of h_kv; mask [b, 1, 1, m], 0 or -inf; causal: n = m.
    """
    if q.device.type == "cpu" and q.shape[-1] == v.shape[-1]:
        op = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        out, mass = op(q, k, v, 0.0, causal, attn_mask=mask, scale=scale)
        return out, mass
    group = q.shape[1] // k.shape[1]
    scores = (q @ k.repeat_interleave(group, 1).transpose(-1, -2)).float() * scale  # [b, h, n, m]
    if mask is not None:
        scores = scores + mask
    if causal:
        rows, columns = scores.shape[-2:]
        scores = scores.masked_fill(torch.ones(rows, columns, dtype=torch.bool, device=q.device).triu(1), -torch.inf)
    mass = scores.logsumexp(-1)
    return (scores - mass[..., None]).exp().to(v.dtype) @ v.repeat_interleave(group, 1), mass


def join(parts: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """One attention from attentions over disjoint keys: outputs [..., d] weighted by exp(mass - total mass)."""
    if len(parts) == 1:
        return parts[0][0]
    masses = torch.stack([mass for _, mass in parts])  # [parts, ...]
    weights = masses.softmax(0)[..., None]
    total = sum(out * weight for (out, _), weight in zip(parts, weights, strict=True))
    assert isinstance(total, Tensor)
    return total.to(parts[0][0].dtype)


def over_prefix(q: Tensor, k: Tensor, v: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Attention of q [1, h, n, d] over keys that all of it sees; the heads of a group are more rows of one product."""
    _, heads, count, width = q.shape
    kept = k.shape[1]
    rows = q.reshape(1, kept, heads // kept * count, width)
    out, mass = partial_attention(rows, k, v, scale)
    return out.reshape(1, heads, count, v.shape[-1]), mass.reshape(1, heads, count)


class Pass(Protocol):
    """One forward pass: what its tokens see, and where their keys and values go."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """q [1, h, tokens, d], k and v [1, h_kv, tokens, d] -> [1, h, tokens, d]."""
        ...


@dataclass(slots=True)
class Layer:
    """Keys and values of one layer: the shared prefix [1, h_kv, prefix, d] and the slots [slots, h_kv, length, d]."""

    prefix: tuple[Tensor, Tensor] | None = None
    slots: tuple[Tensor, Tensor] | None = None


@dataclass(slots=True)
class Slots:
    """Room for ``count`` sequences of at most ``length`` tokens behind one shared prefix."""

    count: int
    length: int
    layers: dict[int, Layer] = field(default_factory=dict)

    def layer(self, index: int, k: Tensor, v: Tensor) -> Layer:
        """The layer, with room made for its slots at the first call: zeros, since what is masked must be finite."""
        layer = self.layers.setdefault(index, Layer())
        if layer.slots is None:
            layer.slots = (
                k.new_zeros(self.count, k.shape[1], self.length, k.shape[3]),
                v.new_zeros(self.count, v.shape[1], self.length, v.shape[3]),
            )
        return layer

    def copy(self, source: int, target: int, length: int) -> None:
        """The first ``length`` keys and values of one slot into another."""
        for layer in self.layers.values():
            for kept in layer.slots or ():
                kept[target, :, :length] = kept[source, :, :length]

    def freeze(self, length: int) -> None:
        """Make the first ``length`` tokens of slot 0 the shared prefix."""
        for layer in self.layers.values():
            assert layer.slots is not None
            keys, values = layer.slots
            layer.prefix = (keys[:1, :, :length].clone(), values[:1, :, :length].clone())

    def resized(self, count: int, length: int) -> "Slots":
        """Other slots behind the same prefix."""
        return Slots(count, length, {index: Layer(layer.prefix) for index, layer in self.layers.items()})


@dataclass(slots=True)
class Prefill:
    """A pass over pieces of prompts: piece i continues slot ``slot`` at ``start``; each piece is causal in itself."""

    slots: Slots
    pieces: Sequence[tuple[int, int, int]]
    """(slot, start, count) of every piece, in the order of the tokens."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """Prefix for all tokens at once, then every piece over what its slot holds and over itself."""
        kept = self.slots.layer(layer, k, v)
        assert kept.slots is not None
        keys, values = kept.slots
        shared = over_prefix(q, *kept.prefix, scale) if kept.prefix is not None else None
        bounds = [0]
        for _, _, count in self.pieces:
            bounds.append(bounds[-1] + count)
        outputs = []
        for (slot, start, count), (low, high) in zip(self.pieces, pairwise(bounds), strict=True):
            own_k, own_v, own_q = k[:, :, low:high], v[:, :, low:high], q[:, :, low:high]
            parts = [partial_attention(own_q, own_k, own_v, scale, causal=True)]
            if start:
                earlier = keys[slot : slot + 1, :, :start], values[slot : slot + 1, :, :start]
                parts.append(over_prefix(own_q, *earlier, scale))
            if shared is not None:
                parts.append((shared[0][:, :, low:high], shared[1][:, :, low:high]))
            keys[slot, :, start : start + count] = own_k[0]
            values[slot, :, start : start + count] = own_v[0]
            outputs.append(join(parts))
        return torch.cat(outputs, dim=2)


@dataclass(slots=True)
class Step:
    """A pass that adds one token to each of the first slots; ``lengths`` [rows] is what they hold before it."""

    slots: Slots
    lengths: Tensor
    mask: Tensor
    """[rows, 1, 1, longest], 0 where a slot holds a key (the new one included) and -inf elsewhere."""

    @staticmethod
    def over(slots: Slots, lengths: Sequence[int], device: torch.device, dtype: torch.dtype) -> "Step":
        """The step of the first ``len(lengths)`` slots."""
        held = torch.tensor(lengths, device=device)
        columns = torch.arange(max(lengths) + 1, device=device)
        mask = torch.zeros(len(lengths), len(columns), device=device, dtype=dtype)
        mask.masked_fill_(columns[None, :] > held[:, None], -torch.inf)
        return Step(slots, held, mask[:, None, None, :])

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """Prefix for all rows at once; own slots as one batch in which a row's heads of a group read its keys once."""
        kept = self.slots.layer(layer, k, v)
        assert kept.slots is not None
        keys, values = kept.slots
        rows, longest = len(self.lengths), self.mask.shape[-1]
        index = torch.arange(rows, device=q.device)
        keys[index, :, self.lengths] = k[0].transpose(0, 1)
        values[index, :, self.lengths] = v[0].transpose(0, 1)
        heads, held, width = q.shape[1], k.shape[1], v.shape[-1]
        grouped = q[0].transpose(0, 1).reshape(rows, held, heads // held, q.shape[-1])
        out, mass = partial_attention(
            grouped, keys[:rows, :, :longest], values[:rows, :, :longest], scale, mask=self.mask
        )
        own = out.reshape(rows, heads, width).transpose(0, 1)[None], mass.reshape(rows, heads).transpose(0, 1)[None]
        return join([own] if kept.prefix is None else [own, over_prefix(q, *kept.prefix, scale)])


def attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    *,
    harness_pass: Pass,
    **others: Any,
) -> tuple[Tensor, None]:
    """The function that transformers calls: [1, h, tokens, d] -> ([1, tokens, h, d], no weights).

    Raises ValueError for what it does not know: masks of the model's own, windows, soft caps, sinks.
    """
    strange = [name for name in UNKNOWN if others.get(name) is not None]
    if strange or attention_mask is not None:
        raise ValueError(f"attention with {', '.join(strange) or 'a mask of its own'} is not known here")
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    out = harness_pass.attend(module.layer_idx, query, key, value, scale)
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
