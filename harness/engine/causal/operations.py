"""How many floating-point operations a question takes: what several questions share is divided among them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.engine.causal.encode import Encoded, Prompt
from harness.engine.causal.roofline import needed

BLOCK = 4_000_000
"""Tokens that are looked through together."""
FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that every power of it differs; prefixes are told apart by 64 bits."""


def countable(model: Any) -> bool:
    """Whether all that a model computes with are plain matrices, embeddings, norms and attention.

    Experts, convolutions and recurrences take operations that ``needed`` does not know.
    """
    from transformers.pytorch_utils import Conv1D

    if model.get_output_embeddings() is None or not hasattr(model.config.get_text_config(), "num_attention_heads"):
        return False
    plain = (torch.nn.Linear, Conv1D, torch.nn.Embedding)
    known = {id(weight) for module in model.modules() if isinstance(module, plain) for weight in module.parameters()}
    return all(weight.dim() < 2 or id(weight) in known for weight in model.parameters())


@dataclass(frozen=True, slots=True)
class _Sequence:
    """Tokens that go through a model for question ``index``; ``written`` more follow; ``logits`` are read."""

    index: int
    tokens: NDArray[np.int32]
    written: int
    logits: int


def operations(model: Any, encoded: Sequence[Encoded], written: Sequence[int]) -> NDArray[np.float64]:
    """Operations for every question [n], two for a multiply-add; every distinct token once, whoever asks for it.

    ``written``: tokens of each answer that was generated, 0 for the others. Of a sliding window all pairs count.
    """
    per_row, per_logit, per_pair = needed(model, 1, 0, 0), needed(model, 0, 1, 0), needed(model, 0, 0, 1)
    totals = np.zeros(len(encoded))
    sequences = list(_sequences(encoded, written))
    for one in sequences:
        start, end = len(one.tokens), len(one.tokens) + one.written
        pairs = (end * (end + 1) - start * (start + 1)) / 2
        totals[one.index] += one.written * per_row + one.logits * per_logit + pairs * per_pair
    for block in _blocks(sequences):
        lengths = [len(one.tokens) for one in block]
        depths = np.concatenate([np.arange(length) for length in lengths])
        _, place, times = np.unique(
            np.concatenate([_prefixes(one.tokens) for one in block]), return_inverse=True, return_counts=True
        )
        each = (per_row + (depths + 1) * per_pair) / times[place]
        totals += np.bincount(np.repeat([one.index for one in block], lengths), each, len(encoded))
    return totals


def _sequences(encoded: Sequence[Encoded], written: Sequence[int]) -> Iterator[_Sequence]:
    for index, one in enumerate(encoded):
        if isinstance(one, Prompt):
            yield _Sequence(index, one.tokens, max(0, written[index] - 1), written[index])
        elif isinstance(one, tuple):
            for span in one:
                yield _Sequence(index, span.tokens[:-1], 0, len(span.tokens) - span.start)


def _blocks(sequences: Sequence[_Sequence]) -> Iterator[list[_Sequence]]:
    """Sequences in an order in which those that begin alike lie together, BLOCK tokens at a time."""
    block, size = [], 0
    for one in sorted(sequences, key=lambda one: one.tokens.astype(">i4").tobytes()):
        if not len(one.tokens):
            continue
        block.append(one)
        size += len(one.tokens)
        if size >= BLOCK:
            yield block
            block, size = [], 0
    if block:
        yield block


def _prefixes(tokens: NDArray[np.int32]) -> NDArray[np.uint64]:
    """A number for each prefix of ``tokens`` [n], its length included."""
    mixed = (tokens.astype(np.uint64) + np.uint64(1)) * FACTOR
    mixed ^= mixed >> np.uint64(29)
    powers = np.cumprod(np.full(len(tokens), FACTOR | np.uint64(1)))
    numbers: NDArray[np.uint64] = np.cumsum(mixed * powers) ^ (np.arange(len(tokens), dtype=np.uint64) << np.uint64(40))
    return numbers
