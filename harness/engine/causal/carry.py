"""A model's own cache, carried on: what many sequences share is computed once, and copies of its state continue.

For models whose layers cannot take a tree of tokens: recurrences, convolutions, attention of their own. The cache may
hold keys and values, states of a recurrence, the last inputs of a convolution, or all of them; nothing here knows.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harness.engine.causal.encode import Span
from harness.engine.causal.generation.grouping import WORTH, best_cuts
from harness.engine.causal.scoring.plan import Plan, Step, indexed, padded, planned

_NAMES = ("past_key_values", "cache", "cache_params", "state")
"""What models call the cache that they take and give back."""
_PLAIN = (str, bytes, int, float, bool, type(None), torch.dtype, torch.device)
BYTES = 2 << 20
"""Bytes of copied caches for each row of the budget: 2 GiB beside 1,024 rows."""
ABREAST = 8
"""A token at a time, as many sequences go together as the budget has rows, divided by this."""


# -------------------------------------------------------------------------------------------------------------- cache
@dataclass(frozen=True, slots=True)
class State:
    """A model's cache after ``length`` tokens of each of ``count`` sequences."""

    cache: Any
    length: int
    count: int

    def rows(self, rows: Sequence[int] | Tensor) -> "State":
        """A copy with the sequences numbered ``rows``, each as often as it is named; the original stays as it is."""
        wanted = torch.as_tensor(rows, dtype=torch.long)
        return State(at_rows(self.cache, wanted, self.count), self.length, len(wanted))


@dataclass(frozen=True, slots=True)
class Carrier:
    """A causal model that goes on from a state. ``whole``: see Runner."""

    model: Any
    whole: bool = False

    def read(self, ids: Tensor, state: State | None = None, *, last: bool = False) -> tuple[Tensor, State]:
        """Hidden states (where the head is not plain, logits) [n, tokens, width] after ``ids`` [n, tokens].

        ``last``: only those after the last token are wanted. ``state`` of n sequences is used up. No mask is needed:
        nothing is padded that a later token could see. Raises ValueError for a model that gives back no cache.
        """
        callee, name = self.model if self.whole else self.model.base_model, cache_name(self.model)
        known = inspect.signature(callee.forward).parameters
        inputs: dict[str, Any] = {"input_ids": ids, "use_cache": True}
        if last and "logits_to_keep" in known:
            inputs["logits_to_keep"] = 1
        length = 0
        if state is not None:
            length, inputs[name] = state.length, state.cache
            if "position_ids" in known:
                places = torch.arange(length, length + ids.shape[1], device=ids.device)
                inputs["position_ids"] = places.expand(ids.shape)
        output = callee(**inputs)
        cache = output.get(name)
        if cache is None:
            raise ValueError("it keeps its state to itself")
        return output[0], State(cache, length + ids.shape[1], len(ids))


def cache_name(model: Any) -> str:
    """By what name ``model`` takes and gives back its cache. Raises ValueError where it has none that is known."""
    names = inspect.signature(model.forward).parameters
    name = next((name for name in _NAMES if name in names), None)
    if name is None:
        raise ValueError("it takes no cache of a known name")
    return name


def at_rows(cache: Any, rows: Tensor, count: int) -> Any:
    """A copy of a cache of ``count`` sequences that holds those numbered ``rows``, each as often as it is named.

    Every tensor whose first dimension is ``count`` is taken to be one entry per sequence; nothing is shared with the
    original that a model could change.
    """

    def select(one: Tensor) -> Tensor:
        return one.index_select(0, rows.to(one.device)) if one.dim() and one.shape[0] == count else one.clone()

    return _mapped(cache, select, {})


def bytes_of(cache: Any) -> int:
    """Bytes of all tensors of a cache."""
    total = 0

    def count(one: Tensor) -> Tensor:
        nonlocal total
        total += one.numel() * one.element_size()
        return one

    _mapped(cache, count, {})
    return total


def _mapped(value: Any, change: Callable[[Tensor], Tensor], known: dict[int, Any]) -> Any:
    """``value`` with every tensor changed and everything that holds tensors copied; what occurs twice stays one."""
    if isinstance(value, (*_PLAIN, type, nn.Module)) or hasattr(value, "model_type"):
        return value
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, Tensor):
        copied: Any = change(value)
    elif isinstance(value, (list, tuple)):
        parts = [_mapped(one, change, known) for one in value]
        copied = type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    elif isinstance(value, Mapping):
        copied = copy(value)
        for key, one in value.items():
            copied[key] = _mapped(one, change, known)
    elif hasattr(value, "__dict__") and not callable(value):
        copied = copy(value)
        vars(copied).update({name: _mapped(one, change, known) for name, one in vars(value).items()})
    else:
        return value
    known[id(value)] = copied
    return copied


# --------------------------------------------------------------------------------------------------------------- plan
@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes of the cache of one sequence: ``fixed``, and ``token`` more for each of its tokens."""

    fixed: int
    token: int

    def rows(self, length: int, budget: int) -> int:
        """How many sequences of ``length`` tokens may be held beside a pass of ``budget`` rows; at least 1."""
        return max(1, budget * BYTES // max(1, self.fixed + length * self.token))


@torch.inference_mode()
def footprint(carrier: Carrier) -> Footprint:
    """Measured on two short sequences. Raises ValueError for a model that gives back no cache."""
    short, long = 8, 24
    sizes = []
    for length in (short, long):
        ids = torch.zeros((1, length), dtype=torch.long, device=carrier.model.device)
        sizes.append(bytes_of(carrier.read(ids)[1].cache))
    token = max(0, sizes[1] - sizes[0]) // (long - short)
    return Footprint(max(0, sizes[0] - short * token), token)


def plan_carried(
    spans: Sequence[Span], budget: int, size: Footprint, *, stepped: bool, apart: int | None = None, worth: int = WORTH
) -> Plan:
    """What a group of sequences begins with in one pass, then batches that go on from it; the rest padded and whole.

    A batch's number times its longest tail is at most ``budget``. ``stepped``: it is to be read a token at a time, so
    that it is as wide as it has branches. ``apart``: see ``padded``. ``worth``: tokens that a group has to save.
    """
    index = indexed(spans)
    near = [i for i, one in enumerate(index.sequences) if apart is None or len(one) <= apart]
    shared = [int(index.lcp[a + 1 : b + 1].min()) for a, b in pairwise(near)]
    lengths = [len(index.sequences[i]) for i in near]
    steps: list[Step] = []
    rest = set(range(len(index.sequences)))
    for low, high in best_cuts(lengths, shared, lambda low, high, depth: (high - low - 1) * depth - worth):
        depth = min(shared[low : high - 1], default=0)
        if (high - low - 1) * depth < worth:
            continue
        group = near[low:high]
        rest.difference_update(group)
        steps.append(Step(tuple(group), room=depth, end=depth))
        tails = [i for i in group if len(index.sequences[i]) > depth]
        batches = _abreast if stepped else _batches
        block = len(steps) - 1
        sizes = [len(index.sequences[i]) - depth for i in tails]
        for batch in batches(sizes, depth, budget, size):
            steps.append(Step(tuple(tails[i] for i in batch), depth, block))
    return planned(spans, index, [*steps, *padded(index, sorted(rest), budget, apart)])


def _batches(sizes: Sequence[int], depth: int, budget: int, size: Footprint) -> list[list[int]]:
    """Tails of like length, the longest first."""
    batches: list[list[int]] = []
    for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i], i)):
        longest = sizes[batches[-1][0]] if batches else 0
        full = not batches or (len(batches[-1]) + 1) * longest > budget
        if full or len(batches[-1]) >= size.rows(depth + longest, budget):
            batches.append([])
        batches[-1].append(i)
    return batches


def _abreast(sizes: Sequence[int], depth: int, budget: int, size: Footprint) -> list[list[int]]:
    """Neighbours in sorted order, which branch late, in batches of about equal number."""
    if not sizes:
        return []
    most = min(max(1, budget // ABREAST), size.rows(depth + max(sizes), budget))
    return [one.tolist() for one in np.array_split(np.arange(len(sizes)), -(-len(sizes) // most))]
