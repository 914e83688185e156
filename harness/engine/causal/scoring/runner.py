"""Runs the steps of a plan through a causal model and reads the few logits that somebody asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.engine.causal.attention.passes import attending, under_way
from harness.engine.causal.attention.tree import Layers, TreePass
from harness.engine.causal.carry import Carrier, Footprint, State, footprint, plan_carried
from harness.engine.causal.encode import Span
from harness.engine.causal.fuse import Forward, fused, reading
from harness.engine.causal.rotations import forget_lengths
from harness.engine.causal.scoring.layout import Read, Rows, lay_out, read_of
from harness.engine.causal.scoring.logits import Reader
from harness.engine.causal.scoring.plan import Plan, Step, plan_padded
from harness.engine.causal.scoring.planner import plan
from harness.engine.causal.truth import Error
from harness.engine.device import later, onto
from harness.engine.tally import Tally

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SpanScore:
    """log P (natural) of tokens of one span from number ``offset`` on, and whether each was the likeliest."""

    span: int
    offset: int
    logprobs: Floats
    greedy: NDArray[np.bool_]


Way = Literal["tree", "tails", "tokens", "padded"]
"""A tree of tokens; batches of tails, or of one token each, that go on from a state; whole sequences in batches."""
Deferred = Callable[[], list[SpanScore]]
"""The answers of a pass that a GPU may still be computing; calling it waits for them."""


@dataclass(slots=True)
class Runner:
    """A causal model with the way it is run, see ``Way``.

    ``fast``: stand-ins for modules while a tree is computed.
    ``whole``: the model turns hidden states into logits in a way of its own; its own forward pass then does it all.
    ``size``: what its cache takes, measured when first needed. ``apart``: see ``padded``.
    ``error``: how far probes were from the truth (in float32: from the plain pass); ``plain_error``: the plain pass.
    """

    model: Any
    way: Way = "tree"
    whole: bool = False
    fast: Mapping[torch.nn.Module, Forward] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    error: Error | None = None
    plain_error: Error | None = None
    size: Footprint | None = None
    apart: int | None = None

    @property
    def carries(self) -> bool:
        """Do batches go on from a state?"""
        return self.way in ("tails", "tokens")

    def plan(self, spans: Sequence[Span], budget: int, **worth: int) -> Plan:
        """The passes that answer ``spans`` in this way. Raises ValueError for a model without a cache to go on from."""
        if self.way == "tree":
            return plan(spans, budget)
        if not self.carries:
            return plan_padded(spans, budget, self.apart)
        self.size = self.size or footprint(self._carrier)
        return plan_carried(spans, budget, self.size, stepped=self.way == "tokens", apart=self.apart, **worth)

    @contextmanager
    def ready(self) -> Iterator[None]:
        """The model as ``run`` needs it; afterwards it is as it was."""
        if self.way != "tree":
            yield
            return
        with attending(self.model), fused(self.fast):
            yield

    @torch.inference_mode()
    def run(self, plan: Plan, number: int, kept: dict[int, Any]) -> Deferred:
        """Start one step while ``ready``; ``kept`` holds what earlier steps keep, and receives what this one keeps.

        Several threads may run steps at once.
        """
        step = plan.steps[number]
        if self.way == "tree":
            return self._run_tree(plan, number, step, kept)
        if step.room:
            return self._run_block(plan, number, step, kept)
        if step.parent >= 0 and self.way == "tokens":
            return self._run_tokens(plan, step, kept[step.parent])
        return self._run_padded(plan, step, kept.get(step.parent))

    def _run_tree(self, plan: Plan, number: int, step: Step, kept: dict[int, Layers]) -> Deferred:
        rows = lay_out(plan, step)
        work = TreePass(rows.depths, rows.ends, kept[step.parent] if step.parent >= 0 else None, step.room)
        lookup = _lookup(plan, rows.reads)
        ids, positions, *there = onto(
            self.model.device, rows.tokens, rows.depths, lookup.read, lookup.place, lookup.target
        )
        with reading(there[0].long()), under_way(work):
            inputs = {"input_ids": ids[None].long(), "position_ids": positions[None].long()}
            hidden = self._forward(there[0], **inputs, use_cache=False)
        if step.room:
            kept[number] = work.kept
        self._count(rows, lookup)
        return self._answers(rows.reads, hidden, *there[1:])

    @property
    def _carrier(self) -> Carrier:
        return Carrier(self.model, self.whole)

    def _run_block(self, plan: Plan, number: int, step: Step, kept: dict[int, Any]) -> Deferred:
        """What all members begin with; its state stays."""
        rows = lay_out(plan, step)
        lookup = _lookup(plan, rows.reads)
        ids, *there = onto(self.model.device, rows.tokens, lookup.read, lookup.place, lookup.target)
        hidden, kept[number] = self._carrier.read(ids[None].long())
        self._count(rows, lookup)
        return self._answers(rows.reads, _at(hidden, there[0]), *there[1:])

    def _run_padded(self, plan: Plan, step: Step, state: State | None) -> Deferred:
        """Right padding: no token of a causal model sees it. Behind a state that all begin with, only their tails.

        Tails of one token are padded too: models take a single token for a step of generation, whose code is another.
        """
        sequences = [plan.sequences[member][step.base :] for member in step.members]
        width = max(1 if state is None else 2, *map(len, sequences))
        ids = np.zeros((len(sequences), width), np.int64)
        mask = np.zeros((len(sequences), width), np.int64)
        reads: list[Read] = []
        for row, (member, sequence) in enumerate(zip(step.members, sequences, strict=True)):
            ids[row, : len(sequence)], mask[row, : len(sequence)] = sequence, 1
            place = np.arange(-step.base, len(sequence)) + row * width
            reads.extend(read_of(plan, member, step.base, step.base + len(sequence), place))
        lookup = _lookup(plan, reads)
        ids_, mask_, *there = onto(
            self.model.device, ids.ravel(), mask.ravel(), lookup.read, lookup.place, lookup.target
        )
        tokens = ids_.view(ids.shape).long()
        if state is None:
            forget_lengths(self.model)
            masked = mask_.view(ids.shape).long()
            hidden = self._forward(there[0], input_ids=tokens, attention_mask=masked, use_cache=False)
        else:
            hidden = _at(self._carrier.read(tokens, state.rows([0] * len(ids)))[0], there[0])
        pairs = sum(_pairs(step.base, step.base + len(one)) for one in sequences)
        padding = int(ids.size - mask.sum())
        self.tally.add(computed=ids.size, padding=padding, logits=len(lookup.read), pairs=pairs)
        return self._answers(reads, hidden, *there[1:])

    def _run_tokens(self, plan: Plan, step: Step, state: State) -> Deferred:
        """A token of every branch at a time; where the branches part, so do copies of the state."""
        rows = lay_out(plan, step)
        lookup = _lookup(plan, rows.reads)
        tokens, *there = onto(self.model.device, rows.tokens, lookup.place, lookup.target)
        wanted = np.zeros(len(rows.tokens), bool)
        wanted[lookup.read] = True
        parents = rows.parents()
        before, outputs, order = np.array([-1]), [], []
        for depth in range(step.base, int(rows.depths.max()) + 1):
            level = np.flatnonzero(rows.depths == depth)
            places = np.searchsorted(before, parents[level])
            if depth == step.base or not np.array_equal(places, np.arange(len(before))):
                state = state.rows(torch.from_numpy(places))
            hidden, state = self._carrier.read(tokens[torch.from_numpy(level).to(tokens.device)][:, None].long(), state)
            reading_ = np.flatnonzero(wanted[level])
            outputs.append(hidden[torch.from_numpy(reading_).to(hidden.device), 0])
            order.append(level[reading_])
            before = level
        again = np.argsort(np.concatenate(order))
        hidden = torch.cat(outputs)[torch.from_numpy(again).to(outputs[0].device)]
        self._count(rows, lookup)
        return self._answers(rows.reads, hidden, *there)

    def _count(self, rows: Rows, lookup: "_Lookup") -> None:
        """A token at depth d attends to d tokens above it and to itself."""
        pairs = int(rows.depths.sum()) + len(rows.depths)
        self.tally.add(computed=len(rows.tokens), logits=len(lookup.read), pairs=pairs)

    def _forward(self, read: Tensor, **inputs: Any) -> Tensor:
        """Hidden states (or, where the head is not plain, logits) of the rows that are read: [read, width]."""
        output = self.model(**inputs).logits if self.whole else self.model.base_model(**inputs)[0]
        return _at(output, read)

    def _answers(self, reads: Sequence[Read], hidden: Tensor, place: Tensor, target: Tensor) -> Deferred:
        if not reads:
            return list
        reader = Reader(self.model, self.whole)
        wait = later(*reader.logprobs(hidden, place.to(hidden.device).long(), target.to(hidden.device).long()))
        ends = np.cumsum([len(one.rows) for one in reads]).tolist()

        def answers() -> list[SpanScore]:
            logprobs, greedy = wait()
            return [
                SpanScore(one.span, one.offset, logprobs[low:high], greedy[low:high])  # type: ignore[arg-type]
                for one, low, high in zip(reads, [0, *ends[:-1]], ends, strict=True)
            ]

        return answers


def _at(hidden: Tensor, read: Tensor) -> Tensor:
    """Of [n, tokens, width] the rows ``read``, numbered through all n."""
    return hidden.flatten(0, 1)[read.to(hidden.device).long()]


def _pairs(start: int, end: int) -> int:
    """(row, ancestor) pairs of the tokens start..end of one sequence."""
    return (end * (end + 1) - start * (start + 1)) // 2


@dataclass(frozen=True, slots=True)
class _Lookup:
    """Rows that are read, sorted; for every answered token the number of its row among them, and the token."""

    read: Ints
    place: Ints
    target: Ints


def _lookup(plan: Plan, reads: Sequence[Read]) -> _Lookup:
    if not reads:
        nothing = np.zeros(0, np.int64)
        return _Lookup(nothing, nothing, nothing)
    rows = np.concatenate([read.rows for read in reads])
    read, place = np.unique(rows, return_inverse=True)
    return _Lookup(read, place, np.concatenate([_targets(plan, one) for one in reads]))


def _targets(plan: Plan, read: Read) -> Ints:
    span = plan.spans[read.span]
    first = span.start + read.offset
    return span.tokens[first : first + len(read.rows)].astype(np.int64)
