"""Runs the steps of a plan through a causal model and reads the few logits that somebody asked for."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.engine.attention import Layers, TreePass, tiles
from harness.engine.budget import vocabulary_block
from harness.engine.fuse import Forward, fused, reading
from harness.engine.plan import Plan, Read, Step, lay_out
from harness.engine.slots import attending

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Answer:
    """log P (natural) of tokens of one span from number ``offset`` on, and whether each was the likeliest."""

    span: int
    offset: int
    logprobs: Floats
    greedy: NDArray[np.bool_]


@dataclass(slots=True)
class Work:
    """Rows that went through the model, padding among them, rows whose logits were read, and (row, ancestor) pairs."""

    rows: int = 0
    padding: int = 0
    logits: int = 0
    pairs: int = 0


@dataclass(slots=True)
class Scorer:
    """A causal model with the way it is run: trees without padding, or padded batches of whole sequences.

    ``fast``: stand-ins for modules while a tree is computed.
    ``whole``: the model turns hidden states into logits in a way of its own; its own forward pass then does it all.
    """

    model: Any
    tree: bool = True
    whole: bool = False
    fast: Mapping[torch.nn.Module, Forward] = field(default_factory=dict)
    work: Work = field(default_factory=Work)
    _lock: Lock = field(default_factory=Lock, repr=False)

    @contextmanager
    def ready(self) -> Iterator[None]:
        """The model as ``run`` needs it; afterwards it is as it was."""
        if not self.tree:
            yield
            return
        with attending(self.model), fused(self.fast):
            yield

    @torch.inference_mode()
    def run(self, plan: Plan, number: int, kept: dict[int, Layers]) -> list[Answer]:
        """Compute one step while ``ready``; ``kept`` holds what earlier steps keep, and receives what this one keeps.

        Several threads may run steps at once.
        """
        step = plan.steps[number]
        return self._run_tree(plan, number, step, kept) if self.tree else self._run_padded(plan, step)

    def _run_tree(self, plan: Plan, number: int, step: Step, kept: dict[int, Layers]) -> list[Answer]:
        rows = lay_out(plan, step)
        device = self.model.device
        prefix = kept[step.parent] if step.parent >= 0 else None
        work = TreePass(tiles(rows.depths, device, self.model.dtype), prefix, step.room)
        ids = torch.from_numpy(rows.tokens)[None].to(device).long()
        positions = torch.from_numpy(rows.depths)[None].to(device)
        read = _distinct(rows.reads)
        with reading(torch.from_numpy(read).to(device)):
            hidden = self._forward(read, input_ids=ids, position_ids=positions, use_cache=False, harness_pass=work)
        if step.room:
            kept[number] = work.kept
        self._count(Work(len(rows.tokens), 0, len(read), int(rows.depths.sum()) + len(rows.depths)))
        return self._answers(plan, rows.reads, read, hidden)

    def _run_padded(self, plan: Plan, step: Step) -> list[Answer]:
        """Right padding: no token of a causal model sees it."""
        sequences = [plan.sequences[member] for member in step.members]
        width = max(map(len, sequences))
        ids = np.zeros((len(sequences), width), np.int64)
        mask = np.zeros((len(sequences), width), np.int64)
        reads: list[Read] = []
        for row, (member, sequence) in enumerate(zip(step.members, sequences, strict=True)):
            ids[row, : len(sequence)], mask[row, : len(sequence)] = sequence, 1
            for span in plan.readers[member]:
                first = plan.spans[span].start - 1
                reads.append(Read(span, 0, np.arange(first, len(sequence)) + row * width))
        read = _distinct(reads)
        device = self.model.device
        ids_, mask_ = torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
        hidden = self._forward(read, input_ids=ids_, attention_mask=mask_, use_cache=False)
        pairs = sum(len(one) * (len(one) + 1) // 2 for one in sequences)
        self._count(Work(ids.size, int(ids.size - mask.sum()), len(read), pairs))
        return self._answers(plan, reads, read, hidden)

    def _count(self, more: Work) -> None:
        with self._lock:
            self.work = Work(*(a + b for a, b in zip(astuple(self.work), astuple(more), strict=True)))

    def _forward(self, read: NDArray[np.int64], **inputs: Any) -> Tensor:
        """Hidden states (or, where the head is not plain, logits) of the rows that are read: [read, width]."""
        found = self.model(**inputs).logits if self.whole else self.model.base_model(**inputs)[0]
        return found.flatten(0, 1)[torch.from_numpy(read).to(found.device)]  # type: ignore[no-any-return]

    def _answers(self, plan: Plan, reads: Sequence[Read], read: NDArray[np.int64], hidden: Tensor) -> list[Answer]:
        if not reads:
            return []
        place = np.concatenate([np.searchsorted(read, one.rows) for one in reads])
        targets = np.concatenate([_targets(plan, one) for one in reads])
        logprobs, greedy = self._logprobs(hidden, place, targets)
        ends = np.cumsum([len(one.rows) for one in reads]).tolist()
        starts = [0, *ends[:-1]]
        return [
            Answer(one.span, one.offset, logprobs[low:high], greedy[low:high])
            for one, low, high in zip(reads, starts, ends, strict=True)
        ]

    def _logprobs(
        self, hidden: Tensor, place: NDArray[np.int64], targets: NDArray[np.int64]
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """log P of ``targets`` [pairs] after the rows ``place`` [pairs] of ``hidden``.

        The vocabulary goes by block by block, with a running maximum and sum: logits never leave the cache.
        """
        head = None if self.whole else self.model.get_output_embeddings()
        vocabulary = hidden.shape[-1] if head is None else head.weight.shape[0]
        rows, wanted = torch.from_numpy(place).to(hidden.device), torch.from_numpy(targets).to(hidden.device)
        top = hidden.new_full((len(hidden),), -torch.inf, dtype=torch.float32)
        mass, picked = torch.zeros_like(top), top.new_zeros(len(place))
        size = vocabulary_block(len(hidden))
        for low in range(0, vocabulary, size):
            logits = _logits(hidden, head, slice(low, low + size))  # [rows, block]
            (inside,) = torch.where((wanted >= low) & (wanted < low + size))
            picked[inside] = logits[rows[inside], wanted[inside] - low]
            before, top = top, torch.maximum(top, logits.amax(-1))
            mass = mass * (before - top).exp() + logits.sub_(top[:, None]).exp_().sum(-1)
        logprobs = picked - (mass.log() + top)[rows]
        return logprobs.cpu().numpy(), (picked >= top[rows]).cpu().numpy()


def _logits(hidden: Tensor, head: Any, block: slice) -> Tensor:
    """Logits in float32 of one block of the vocabulary; without a head ``hidden`` holds them all."""
    if head is None:
        return hidden[:, block].float()
    weight, bias = head.weight[block], getattr(head, "bias", None)
    bias = None if bias is None else bias[block]
    return torch.nn.functional.linear(hidden.to(weight.device), weight, bias).to(hidden.device).float()


def _distinct(reads: Sequence[Read]) -> NDArray[np.int64]:
    """The rows that are read, sorted."""
    return np.unique(np.concatenate([read.rows for read in reads])) if reads else np.zeros(0, np.int64)


def _targets(plan: Plan, read: Read) -> NDArray[np.int64]:
    span = plan.spans[read.span]
    first = span.start + read.offset
    return span.tokens[first : first + len(read.rows)].astype(np.int64)
