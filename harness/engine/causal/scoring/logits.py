"""From hidden states to logits and log-probabilities, of the few rows that somebody reads."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.engine.budget import vocabulary_block
from harness.engine.device import fast_kernels, linear, multiplies_bfloat16


@dataclass(frozen=True, slots=True)
class Reader:
    """A model whose logits are read at a few tokens of a pass. ``whole``: see Runner."""

    model: Any
    whole: bool

    def logits(self, ids: Tensor, depths: Tensor, read: Tensor) -> Tensor:
        """Logits [read, vocab] in float32 after the tokens numbered ``read`` of one row of ``ids`` at ``depths``."""
        inputs = {"input_ids": ids[None].long(), "position_ids": depths[None].long(), "use_cache": False}
        if self.whole:
            return self.model(**inputs).logits[0, read.long()].float()  # type: ignore[no-any-return]
        hidden = self.model.base_model(**inputs)[0][0]
        return self.of(hidden[read.long().to(hidden.device)])

    def of(self, hidden: Tensor) -> Tensor:
        """Logits [rows, vocab] in float32 of ``hidden`` [rows, width], which where ``whole`` are logits already."""
        return _logits(hidden, None if self.whole else self.model.get_output_embeddings(), slice(None))

    def logprobs(self, hidden: Tensor, place: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """log P of the tokens ``target`` [pairs] after the rows ``place`` [pairs] of ``hidden``, and whether likeliest.

        The vocabulary goes by block by block, with a running maximum and sum, so that few logits exist at once.
        """
        head = None if self.whole else self.model.get_output_embeddings()
        vocabulary = hidden.shape[-1] if head is None else head.weight.shape[0]
        top = hidden.new_full((len(hidden),), -torch.inf, dtype=torch.float32)
        mass, picked = torch.zeros_like(top), top.new_zeros(len(place))
        size = vocabulary_block(len(hidden), hidden.device)
        for low in range(0, vocabulary, size):
            logits = _logits(hidden, head, slice(low, low + size))  # [rows, block]
            at = target - low
            inside = (at >= 0) & (at < logits.shape[1])
            picked = torch.where(inside, logits[place, at.clamp(0, logits.shape[1] - 1)], picked)
            top, mass = _more_mass(logits, top, mass)
        return picked - (mass.log() + top)[place], picked >= top[place]


def _more_mass(logits: Tensor, top: Tensor, mass: Tensor) -> tuple[Tensor, Tensor]:
    """The running maximum and sum of exp(logit - maximum) with one more block, which is overwritten."""
    if fast_kernels(logits.device):
        from harness.engine.causal.small_kernels import more_mass

        return more_mass(logits, top, mass)
    before, top = top, torch.maximum(top, logits.amax(-1))
    return top, mass * (before - top).exp() + logits.sub_(top[:, None]).exp_().sum(-1)


def _logits(hidden: Tensor, head: Any, block: slice) -> Tensor:
    """Logits in float32 of one block of the vocabulary; without a head ``hidden`` holds them all.

    The product itself sums and returns float32: rounded to half precision, a logit of 20 would be off by up to 0.06.
    """
    if head is None:
        return hidden[:, block].float()
    bias = getattr(head, "bias", None)
    logits = product(hidden.to(head.weight.device, head.weight.dtype), head.weight[block]).to(hidden.device)
    return logits if bias is None else logits + bias[block].to(hidden.device)


def product(x: Tensor, weight: Tensor) -> Tensor:
    """x @ weight.T in float32. x [rows, width], weight [outputs, width] of one dtype."""
    if x.dtype == torch.float32:
        return linear(x, weight)
    if x.device.type == "cuda":
        return torch.mm(x, weight.T, out_dtype=torch.float32)
    if x.dtype == torch.bfloat16 and multiplies_bfloat16():
        return _in_two_parts(x, weight)
    return linear(x.float(), weight.float())


def _in_two_parts(x: Tensor, weight: Tensor) -> Tensor:
    """x @ weight.T to 17 bits from two products in bfloat16: the second sums in float32 what the first rounded off.

    That takes half the time of a product in float32, and no copy of the weights in it.
    """
    rounded = torch.nn.functional.linear(x, weight)
    rest = torch.addmm(rounded, x, weight.T, beta=-1)
    return rounded.float().add_(rest)
