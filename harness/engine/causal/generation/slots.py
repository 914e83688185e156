"""Keys and values of the prompts and answers under way, and the attention that reads them without padding work.

A forward pass is a row of tokens [1, tokens] in which every token knows its slot. Keys of a token are the shared
prefix, then those of its own slot; the parts are attended separately and joined.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from harness.engine.causal.attention.parts import (
    Part,
    causal_mask,
    join,
    limited,
    needs_depths,
    over_prefix,
    partial_attention,
)
from harness.engine.causal.attention.rule import LayerRule


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
    prefix: int = 0

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
        self.prefix = length

    def grow(self, length: int) -> None:
        """Room for ``length`` tokens in every slot; what they hold stays."""
        for layer in self.layers.values():
            if layer.slots is not None:
                keys, values = (_wider(kept, length) for kept in layer.slots)
                layer.slots = keys, values
        self.length = length

    def shrink(self, count: int) -> None:
        """Only the first ``count`` slots stay."""
        for layer in self.layers.values():
            if layer.slots is not None:
                keys, values = (kept[:count].clone() for kept in layer.slots)
                layer.slots = keys, values
        self.count = count

    def resized(self, count: int, length: int) -> "Slots":
        """Other slots behind the same prefix."""
        return Slots(count, length, {i: Layer(layer.prefix) for i, layer in self.layers.items()}, self.prefix)


def _wider(kept: Tensor, length: int) -> Tensor:
    wide = kept.new_zeros(*kept.shape[:2], length, kept.shape[3])
    wide[:, :, : kept.shape[2]] = kept
    return wide


@dataclass(slots=True)
class Prefill:
    """A pass over pieces of prompts: piece i continues slot ``slot`` at ``start``; each piece is causal in itself."""

    slots: Slots
    pieces: Sequence[tuple[int, int, int]]
    """(slot, start, count) of every piece, in the order of the tokens."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rule: LayerRule) -> Tensor:
        """Prefix for all tokens at once, then every piece over what its slot holds and over itself."""
        kept = self.slots.layer(layer, k, v)
        assert kept.slots is not None
        keys, values = kept.slots
        bounds = [0]
        for _, _, count in self.pieces:
            bounds.append(bounds[-1] + count)
        depths = self._depths(q.device) if needs_depths(rule) else None
        shared = over_prefix(q, *kept.prefix, rule, depths) if kept.prefix is not None else None
        outputs = []
        for (slot, start, count), (low, high) in zip(self.pieces, pairwise(bounds), strict=True):
            own_k, own_v, own_q = k[:, :, low:high], v[:, :, low:high], q[:, :, low:high]
            earlier = (keys[slot : slot + 1, :, :start], values[slot : slot + 1, :, :start]) if start else None
            own = depths[low:high] if depths is not None else None
            parts = self._piece(own_q, own_k, own_v, earlier, rule, own)
            if shared is not None:
                parts.append((shared[0][:, :, low:high], shared[1][:, :, low:high]))
            keys[slot, :, start : start + count] = own_k[0]
            values[slot, :, start : start + count] = own_v[0]
            outputs.append(join(parts, rule))
        return torch.cat(outputs, dim=2)

    def _depths(self, device: torch.device) -> Tensor:
        first = self.slots.prefix
        return torch.cat([torch.arange(first + start, first + start + n, device=device) for _, start, n in self.pieces])

    def _piece(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        earlier: tuple[Tensor, Tensor] | None,
        rule: LayerRule,
        depths: Tensor | None,
    ) -> list[Part]:
        """A piece over itself and what its slot holds. ``depths`` [n]: where the rule asks for them."""
        if depths is None:
            parts = [partial_attention(q, k, v, rule, causal=True)]
            return parts if earlier is None else [*parts, over_prefix(q, *earlier, rule)]
        parts = [partial_attention(q, k, v, rule, mask=limited(rule, depths, depths, causal_mask(q), q.dtype))]
        if earlier is None:
            return parts
        held = torch.arange(self.slots.prefix, self.slots.prefix + earlier[0].shape[2], device=q.device)
        return [*parts, partial_attention(q, *earlier, rule, mask=limited(rule, depths, held, None, q.dtype))]


@dataclass(slots=True)
class Decode:
    """A pass that adds one token to each of the first slots; ``lengths`` [rows] is what they hold before it."""

    slots: Slots
    lengths: Tensor
    mask: Tensor
    """[rows, 1, 1, longest], 0 where a slot holds a key (the new one included) and -inf elsewhere."""

    @staticmethod
    def over(slots: Slots, lengths: Sequence[int], device: torch.device, dtype: torch.dtype) -> "Decode":
        """The step of the first ``len(lengths)`` slots."""
        held = torch.tensor(lengths, device=device)
        columns = torch.arange(max(lengths) + 1, device=device)
        mask = torch.zeros(len(lengths), len(columns), device=device, dtype=dtype)
        mask.masked_fill_(columns[None, :] > held[:, None], -torch.inf)
        return Decode(slots, held, mask[:, None, None, :])

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rule: LayerRule) -> Tensor:
        """Prefix for all rows at once; own slots as one batch in which a row's heads of a group read its keys once."""
        kept = self.slots.layer(layer, k, v)
        assert kept.slots is not None
        keys, values = kept.slots
        rows, longest = len(self.lengths), self.mask.shape[-1]
        index = torch.arange(rows, device=q.device)
        keys[index, :, self.lengths] = k[0].transpose(0, 1)
        values[index, :, self.lengths] = v[0].transpose(0, 1)
        heads, width = q.shape[1], v.shape[-1]
        out, mass = self._own(q[0].transpose(0, 1), keys[:rows, :, :longest], values[:rows, :, :longest], rule)
        own = out.reshape(rows, heads, width).transpose(0, 1)[None], mass.reshape(rows, heads).transpose(0, 1)[None]
        if kept.prefix is None:
            return join([own], rule)
        return join([own, over_prefix(q, *kept.prefix, rule, self.slots.prefix + self.lengths)], rule)

    def _own(self, q: Tensor, keys: Tensor, values: Tensor, rule: LayerRule) -> Part:
        """q [rows, h, d] over its own slots [rows, h_kv, longest, d]."""
        (rows, heads, width), held = q.shape, keys.shape[1]
        if not needs_depths(rule):
            grouped = q.reshape(rows, held, heads // held, width)
            return partial_attention(grouped, keys, values, rule, mask=self.mask)
        places = torch.arange(keys.shape[2], device=q.device)
        mask = limited(rule, self.lengths[:, None, None, None], places, self.mask, q.dtype)
        return partial_attention(q.reshape(rows, held, heads // held, width), keys, values, rule, mask=mask)
