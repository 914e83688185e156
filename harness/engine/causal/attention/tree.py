"""Attention over a tree of tokens: every token sees its ancestors, and almost no product is computed to be masked.

Rows stand in the order of a depth-first walk, so their depths alone tell who is an ancestor of whom: row c of row r
if c <= r and no row between them, r included, is as shallow as c. The rows are cut into tiles; the keys of a tile are
its own rows and the ancestors of its first row, which are all the earlier rows that any of its rows can see.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.engine.causal.attention.blocks import blocks
from harness.engine.causal.attention.parts import (
    causal_mask,
    join,
    limited,
    needs_depths,
    over_prefix,
    partial_attention,
)
from harness.engine.causal.attention.rule import LayerRule
from harness.engine.device import fast_kernels, onto

Ints = NDArray[np.int64]
SMALL, LARGE = 32, 256
"""A tile ends at a branch once it has SMALL rows, and at LARGE rows anywhere."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Rows low..high, the rows that hold their keys, and a mask [1, 1, high - low, keys] of 0 and -inf.

    ``keys`` is a slice when they are consecutive. No mask: the keys are the tile's own rows, one chain.
    """

    low: int
    high: int
    keys: slice | Tensor
    mask: Tensor | None


@dataclass(frozen=True, slots=True)
class Kept:
    """Keys and values [1, h_kv, room, d] of one layer, of which the first ``count`` tokens are known."""

    keys: Tensor
    values: Tensor
    count: int

    def known(self) -> tuple[Tensor, Tensor]:
        return self.keys[:, :, : self.count], self.values[:, :, : self.count]

    def extended(self, k: Tensor, v: Tensor, room: int) -> "Kept":
        """With more tokens: in place if there is room left, which only one block may use; else in room for ``room``."""
        total = self.count + k.shape[2]
        whole = self
        if self.keys.shape[2] < total:
            whole = Kept(
                k.new_empty(*k.shape[:2], room, k.shape[3]), v.new_empty(*v.shape[:2], room, v.shape[3]), total
            )
            for new, old in zip((whole.keys, whole.values), self.known(), strict=True):
                new[:, :, : self.count] = old
        whole.keys[:, :, self.count : total] = k
        whole.values[:, :, self.count : total] = v
        return Kept(whole.keys, whole.values, total)


Layers = list[Kept]
"""What is kept of every layer."""


def bounds(depths: Ints, small: int = SMALL, large: int = LARGE) -> list[int]:
    """Where tiles begin (and the last ends): at branches where there are any, shallow ones first."""
    branches = set((np.flatnonzero(np.diff(depths) != 1) + 1).tolist())
    starts = [0]
    for row in range(1, len(depths)):
        size = row - starts[-1]
        if size >= large or (size >= small and row in branches):
            starts.append(row)
    return [*starts, len(depths)]


def tiles(depths: Ints, ends: Ints, device: torch.device, dtype: torch.dtype) -> list[Tile]:
    """Tiles that cover the rows of one pass. depths, ends [rows]."""
    cuts = bounds(depths)
    rows = np.arange(len(depths))
    pieces = []
    for low, high in pairwise(cuts):
        above = np.flatnonzero(ends[:low] > low)  # ancestors of the first row
        keys = np.concatenate((above, rows[low:high]))
        queries = rows[low:high, None]
        seen = (keys <= queries) & (queries < ends[keys])  # [rows, keys]
        chain = len(above) == 0 and bool((ends[low:high] >= high).all())
        consecutive = bool((np.diff(keys) == 1).all())
        where = slice(int(keys[0]), high) if consecutive else torch.from_numpy(keys).to(device)
        mask = None if chain else _additive(seen, device, dtype)
        pieces.append(Tile(low, high, where, mask))
    return pieces


def _additive(seen: NDArray[np.bool_], device: torch.device, dtype: torch.dtype) -> Tensor:
    mask = torch.zeros(seen.shape, dtype=dtype)
    mask.masked_fill_(torch.from_numpy(~seen), -torch.inf)
    return mask[None, None].to(device)


@dataclass(slots=True)
class TreePass:
    """One forward pass over the rows of a step; ``prefix`` holds the kept tokens that all of them may see.

    ``depths``, ``ends`` [rows]: how deep a row stands in the tree, and the first later row that is not below it.
    ``kept`` receives what is kept of every layer, prefix included, with room for ``room`` tokens; 0: nothing is kept.
    """

    depths: Ints
    ends: Ints
    prefix: Layers | None = None
    room: int = 0
    kept: Layers = field(default_factory=list)
    _tiles: list[Tile] = field(default_factory=list)
    _layouts: dict[tuple[torch.device, int | None], Any] = field(default_factory=dict)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rule: LayerRule) -> Tensor:
        """q [1, h, rows, d], k and v [1, h_kv, rows, d] -> [1, h, rows, d]."""
        prefix = self.prefix[layer].known() if self.prefix is not None else None
        if self.room:
            self._store(layer, k, v)
        if fast_kernels(q.device):
            from harness.engine.causal.attention.kernels import tree

            return tree(q, k, v, prefix, self._layout(q.device, rule.reach), rule)
        return self._in_tiles(q, k, v, prefix, rule)

    def _layout(self, device: torch.device, reach: int | None) -> Any:
        """The tree on the device, once for all layers that see as far."""
        from harness.engine.causal.attention.kernels import Layout

        if (device, reach) not in self._layouts:
            seen = blocks(self.ends, self.depths, reach)
            self._layouts[device, reach] = Layout(*onto(device, self.ends, self.depths, seen.starts, seen.keys))
        return self._layouts[device, reach]

    def _in_tiles(
        self, q: Tensor, k: Tensor, v: Tensor, prefix: tuple[Tensor, Tensor] | None, rule: LayerRule
    ) -> Tensor:
        if not self._tiles:
            self._tiles = tiles(self.depths, self.ends, q.device, q.dtype)
        out = torch.empty(*q.shape[:-1], v.shape[-1], dtype=q.dtype, device=q.device)
        depths = torch.from_numpy(self.depths).to(q.device)
        shared = over_prefix(q, *prefix, rule, depths) if prefix is not None else None
        for tile in self._tiles:
            own = slice(tile.low, tile.high)
            if isinstance(tile.keys, slice):
                keys, values, above = k[:, :, tile.keys], v[:, :, tile.keys], depths[tile.keys]
            else:
                index = tile.keys.to(k.device)  # layers of one model may live on several devices
                keys, values, above = k.index_select(2, index), v.index_select(2, index), depths[index]
            mask = tile.mask.to(q.device) if tile.mask is not None else None
            if needs_depths(rule):
                mask = limited(rule, depths[own], above, causal_mask(q[:, :, own]) if mask is None else mask, q.dtype)
            part = partial_attention(q[:, :, own], keys, values, rule, causal=mask is None, mask=mask)
            parts = [part] if shared is None else [part, (shared[0][:, :, own], shared[1][:, :, own])]
            out[:, :, own] = join(parts, rule)
        return out

    def _store(self, layer: int, k: Tensor, v: Tensor) -> None:
        if layer != len(self.kept):
            raise ValueError("the model computes its layers in an order of its own")
        before = self.prefix[layer] if self.prefix is not None else Kept(k[:, :, :0], v[:, :, :0], 0)
        self.kept.append(before.extended(k, v, self.room))
