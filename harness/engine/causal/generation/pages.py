"""Keys and values in pages that answers take as they grow, so that a short one does not reserve a long one's room.

Kwon et al. 2023 (arXiv:2309.06180). Pages hold ``PAGE`` tokens of every layer. Rows that share a prompt share its full
pages; what all rows of a shard share is no page but a prefix, attended once for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from harness.engine.causal.attention.parts import Part, join, limited, needs_depths, over_prefix, partial_attention
from harness.engine.causal.attention.rule import LayerRule
from harness.engine.causal.attention.tree import Layers, TreePass
from harness.engine.device import fast_kernels, onto

PAGE = 64
"""Tokens of a page."""


class Pages:
    """``count`` pages and who holds them. Page 0 is nobody's: rows that only fill up a batch write there."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.layers: dict[int, tuple[Tensor, Tensor]] = {}
        self._free = list(range(count - 1, 0, -1))
        self._holders = [0] * count

    @property
    def free(self) -> int:
        """Pages that nobody holds."""
        return len(self._free)

    def take(self) -> int:
        """A page of one's own. Raises IndexError when there is none."""
        page = self._free.pop()
        self._holders[page] = 1
        return page

    def share(self, pages: Sequence[int]) -> None:
        """One more holder of each."""
        for page in pages:
            self._holders[page] += 1

    def give(self, pages: Sequence[int]) -> None:
        """One holder less of each; the last one frees it."""
        for page in pages:
            self._holders[page] -= 1
            if not self._holders[page]:
                self._free.append(page)

    def layer(self, index: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values [pages, h_kv, PAGE, d] of a layer, made at the first call: what is masked must be finite."""
        if index not in self.layers:
            shape = (self.count, k.shape[1], PAGE)
            self.layers[index] = k.new_zeros(*shape, k.shape[3]), v.new_zeros(*shape, v.shape[3])
        return self.layers[index]

    def copy(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        """What is in some pages into others."""
        kept = [one for layer in self.layers.values() for one in layer]
        if not sources or not kept:
            return
        source, target = (one.long() for one in onto(kept[0].device, np.array(sources), np.array(targets)))
        for one in kept:
            one[target] = one[source]


@dataclass(slots=True)
class PagedPrefill:
    """A pass over pieces of prompts: a forest of chains, whose keys and values also go to ``pages`` and ``places``.

    ``tree``: the pass itself; pages, places [tokens]: where each token's keys and values are kept.
    """

    kept: Pages
    tree: TreePass
    pages: Tensor
    places: Tensor

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rule: LayerRule) -> Tensor:
        """See Pass."""
        _write(self.kept.layer(layer, k, v), self.pages, self.places, k, v)
        return self.tree.attend(layer, q, k, v, rule)


@dataclass(slots=True)
class PagedStep:
    """A pass that adds one token to each of some rows.

    ``table`` [rows, pages a row]; ``lengths`` [rows]: tokens that a row's pages hold before it, int32.
    """

    kept: Pages
    prefix: Layers | None
    table: Tensor
    lengths: Tensor
    skip: int
    _where: list[Tensor] = field(default_factory=list)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, rule: LayerRule) -> Tensor:
        """See Pass: the shared prefix for all rows at once, and every row over its own pages."""
        if not self._where:
            number = (self.lengths // PAGE).long()
            page = self.table.gather(1, number[:, None])[:, 0].long()
            self._where += [page, (self.lengths % PAGE).long(), self.lengths + self.skip]
        page, place, depths = self._where
        held = self.kept.layer(layer, k, v)
        _write(held, page, place, k, v)
        prefix = self.prefix[layer].known() if self.prefix else None
        if fast_kernels(q.device):
            from harness.engine.causal.attention.paged_kernel import paged

            return paged(q, held, prefix, self.table, self.lengths, depths, rule)
        own = self._own(q[0].transpose(0, 1), *held, rule)
        return join([own] if prefix is None else [own, over_prefix(q, *prefix, rule, depths)], rule)

    def _own(self, q: Tensor, keys: Tensor, values: Tensor, rule: LayerRule) -> Part:
        """q [rows, h, d] over its own pages, in plain torch."""
        (rows, heads, width), held = q.shape, keys.shape[1]
        table = self.table.long()
        k, v = (kept[table].transpose(1, 2).flatten(2, 3) for kept in (keys, values))  # [rows, h_kv, tokens, d]
        places = torch.arange(k.shape[2], device=q.device)
        lengths = self.lengths[:, None, None, None]
        mask = torch.zeros(rows, 1, 1, k.shape[2], dtype=q.dtype, device=q.device)
        mask = mask.masked_fill(places > lengths, -torch.inf)
        if needs_depths(rule):
            narrowed = limited(rule, lengths + self.skip, places + self.skip, mask, q.dtype)
            mask = mask if narrowed is None else narrowed
            if mask.shape[1] > 1:  # a bias a head: [rows, h, 1, m] -> [rows, h_kv, group, m]
                mask = mask.reshape(rows, held, heads // held, -1)
        grouped = q.reshape(rows, held, heads // held, width)
        out, mass = partial_attention(grouped, k, v, rule, mask=mask)
        return out.reshape(rows, heads, -1).transpose(0, 1)[None], mass.reshape(rows, heads).transpose(0, 1)[None]


def _write(held: tuple[Tensor, Tensor], pages: Tensor, places: Tensor, k: Tensor, v: Tensor) -> None:
    """k and v [1, h_kv, tokens, d] into their pages."""
    for kept, new in zip(held, (k, v), strict=True):
        kept[pages, :, places] = new[0].transpose(0, 1)
