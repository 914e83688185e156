"""Answers together on a CPU: rows in slots that grow, and a finished row's place goes to the next one at once."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harness.engine.budget import kept_bytes
from harness.engine.causal.attention.passes import attending, under_way
from harness.engine.causal.fuse import Forward, fused, reading
from harness.engine.causal.generation.ending import Endings
from harness.engine.causal.generation.grouping import Live, Pending, PromptShard, waiting_rows
from harness.engine.causal.generation.slots import Decode, Prefill, Slots
from harness.engine.causal.scoring.logits import Reader
from harness.engine.device import onto
from harness.engine.sampling import pick
from harness.engine.tally import Tally
from harness.types import Generated

ROWS = 32
"""Rows under way at once: more of them read the same weights for nothing, but hold more keys and values."""
PIECE = 1024
"""Prompt tokens of one forward pass."""
MEMORY = 2 << 30
"""Bytes for keys and values; a constant, since the number of rows may change the last digit of a logit."""
FIRST = 256
"""New tokens that a slot has room for to begin with. Longer answers make all slots grow, by half at a time."""
GROWTH = 1.5

Tokens = tuple[int, ...]


@dataclass(slots=True, eq=False)
class InSlot(Live):
    """A row under way; ``held``: tokens behind the prefix whose keys and values its slot holds."""

    held: int = 0


class SlottedGenerator:
    """A causal model that continues prompts, see ``generate.Generator``.

    ``fast``: stand-ins for modules. ``rows``: answers under way at once. ``piece``: prompt tokens of one forward pass.
    ``memory``: bytes for keys and values; the last rows step back and wait where those under way grow beyond it.
    """

    def __init__(
        self,
        reader: Reader,
        endings: Endings,
        tally: Tally,
        *,
        fast: Mapping[torch.nn.Module, Forward] | None = None,
        rows: int = ROWS,
        piece: int = PIECE,
        memory: int = MEMORY,
    ) -> None:
        self.reader, self.endings, self.tally = reader, endings, tally
        self.fast = fast or {}
        self.rows, self.piece, self.memory = rows, piece, memory
        self._prefix: tuple[Tokens, Slots] = ((), Slots(0, 0))

    def forget(self) -> None:
        """Let go of the keys and values that are kept for the next shard."""
        self._prefix = ((), Slots(0, 0))

    def together(self, shard: PromptShard) -> list[tuple[Pending, Generated]]:
        """Continuous batching: admit while there is room, add a token to every row, let the finished ones go."""
        answers, rows = waiting_rows(shard)
        if not rows:
            return answers
        waiting = deque(InSlot(one.row, one.key) for one in rows)
        with attending(self.reader.model), fused(self.fast):
            batch = SlotBatch(self, self._prefix_of(shard.prefix), waiting)
            while waiting or batch.live:
                grown, logits = batch.admit() if waiting and batch.room() else batch.step()
                answers += batch.settle(grown, logits)
        return answers

    def _prefix_of(self, tokens: Tokens) -> Slots:
        """Keys and values of the shard's prefix, computed now unless the last shard had the same."""
        if self._prefix[0] != tokens:
            first = Slots(1, len(tokens))
            for start in range(0, len(tokens), self.piece):
                ids = tokens[start : start + self.piece]
                positions = range(start, start + len(ids))
                self.logits(ids, positions, Prefill(first, [(0, start, len(ids))]), [len(ids) - 1])
            first.freeze(len(tokens))
            self._prefix = (tokens, first)
        return self._prefix[1]

    def logits(
        self, ids: Sequence[int], positions: Sequence[int], attended: Prefill | Decode, read: Sequence[int]
    ) -> Tensor:
        """Logits [read, vocab] in float32 after the tokens at ``read`` of one forward pass."""
        self.tally.add(computed=len(ids))
        there = onto(self.reader.model.device, *(np.array(x) for x in (ids, positions, read)))
        some = there[2].long() if len(read) < len(ids) else None
        with under_way(attended), reading(some):
            return self.reader.logits(*there)

    def probe(self, ids: Sequence[int]) -> Tensor:
        """Logits after two sequences, by a shared prefix, two pieces that go on, one that goes on again, and a step."""
        with attending(self.reader.model), fused(self.fast):
            slots = Slots(1, 8)
            self.logits(ids[:8], range(8), Prefill(slots, [(0, 0, 8)]), [7])
            slots.freeze(8)
            slots = slots.resized(2, 8)
            self.logits(ids[8:18], [*range(8, 13), *range(8, 13)], Prefill(slots, [(0, 0, 5), (1, 0, 5)]), [4, 9])
            self.logits(ids[18:21], range(13, 16), Prefill(slots, [(1, 5, 3)]), [2])
            kept = next((layer.slots for layer in slots.layers.values() if layer.slots), None)
            if kept is None:
                raise ValueError("no layer asks for it")
            slots.grow(16)
            step = Decode.over(slots, [5, 8], self.reader.model.device, kept[0].dtype)
            return self.logits(ids[21:23], [13, 16], step, [0, 1])


class SlotBatch:
    """The rows of a shard that are under way, row i in slot i; the last slot is spare.

    The spare slot holds a prompt that more rows wait for (``_kept``: the prompt and the logits after it), so that it
    is read once however many of them there are.
    """

    def __init__(self, owner: SlottedGenerator, prefix: Slots, waiting: deque[InSlot]) -> None:
        self.owner, self.waiting, self.prefix_len = owner, waiting, prefix.prefix
        self.live: list[InSlot] = []
        self._kept: tuple[Tokens, Tensor] | None = None
        self._token_bytes = kept_bytes(owner.reader.model)
        prompts = [len(one.row.tokens) - self.prefix_len for one in waiting]
        most = [size + one.row.request.max_tokens for size, one in zip(prompts, waiting, strict=True)]
        self._longest = max(most)
        first = max(min(whole, size + FIRST) for size, whole in zip(prompts, most, strict=True))
        rows = min(owner.rows, len(waiting))
        self.slots = prefix.resized(min(rows + 1, self._fitting(first)), first)

    def _fitting(self, length: int) -> int:
        """Slots of ``length`` tokens that the memory has room for; at least one for a row, and the spare one."""
        return max(1, int(self.owner.memory // (length * self._token_bytes))) + 1

    def _make_room(self, length: int) -> None:
        """Slots for ``length`` tokens: all grow; where the memory has no room for them all, the last rows step back."""
        if length <= self.slots.length:
            return
        wanted = min(max(length, int(self.slots.length * GROWTH)), self._longest)
        if self._fitting(wanted) < self.slots.count:
            wanted = length
        count = self._fitting(wanted)
        if count < self.slots.count:
            self._kept = None
            for one in reversed(self.live[count - 1 :]):
                self.waiting.appendleft(InSlot(one.row, one.key, one.draft))
            del self.live[count - 1 :]
            self.slots.shrink(count)
        self.slots.grow(wanted)

    # ---------------------------------------------------------------------------------------------------- admission
    def room(self) -> bool:
        """Is there a slot for the next row, at the length that it needs?"""
        needed = len(self.waiting[0].prompt(self.prefix_len)) + 1
        if not self.live:
            self._make_room(needed)
        return len(self.live) < self.slots.count - 1 and needed <= self.slots.length

    def admit(self) -> tuple[list[InSlot], Tensor]:
        """Rows that join, and the logits after their prompts [rows, vocab].

        A prompt goes through the model once: rows that ask the same copy its keys, from a neighbour that joins with
        them or from the spare slot.
        """
        joining, fresh, source = self._next_rows()
        after = {} if self._kept is None else {self._kept[0]: self._kept[1]}
        after |= self._read(fresh)
        for slot, (one, prompt) in enumerate(joining, start=len(self.live)):
            if source[prompt] != slot:
                self.slots.copy(source[prompt], slot, len(prompt))
            one.held = len(prompt)
        last = joining[-1][1]
        waits = bool(self.waiting) and self.waiting[0].prompt(self.prefix_len) == last
        if waits:
            self.slots.copy(len(self.live) + len(joining) - 1, self.slots.count - 1, len(last))
        self._kept = (last, after[last]) if waits else None
        rows = [one for one, _ in joining]
        self.live += rows
        return rows, torch.stack([after[prompt] for _, prompt in joining])

    def _next_rows(self) -> tuple[list[tuple[InSlot, Tokens]], dict[Tokens, int], dict[Tokens, int]]:
        """Rows that join with their prompts; prompts to be read, by slot; and for every prompt the slot that has it.

        As many as there are slots for, whose prompts fit into one pass; a prompt longer than a pass comes alone.
        """
        spare = self.slots.count - 1
        joining: list[tuple[InSlot, Tokens]] = []
        fresh: dict[Tokens, int] = {}
        source: dict[Tokens, int] = {} if self._kept is None else {self._kept[0]: spare}
        left = self.owner.piece
        while self.waiting and len(self.live) + len(joining) < spare:
            prompt = self.waiting[0].prompt(self.prefix_len)
            if len(prompt) + 1 > self.slots.length:
                break
            if prompt not in source:
                if len(prompt) > left and fresh:
                    break
                left -= len(prompt)
                fresh[prompt] = source[prompt] = len(self.live) + len(joining)
            joining.append((self.waiting.popleft(), prompt))
        return joining, fresh, source

    def _read(self, fresh: dict[Tokens, int]) -> dict[Tokens, Tensor]:
        """Logits after prompts that nobody has read yet: all in one pass, or one long prompt in several."""
        if not fresh:
            return {}
        piece, first = self.owner.piece, self.prefix_len
        tails, start = list(fresh), 0
        if len(fresh) == 1:  # may be longer than a pass
            (whole, slot), last = next(iter(fresh.items())), (len(tails[0]) - 1) // piece * piece
            for start in range(0, last, piece):
                ids = whole[start : start + piece]
                positions = range(first + start, first + start + piece)
                self.owner.logits(ids, positions, Prefill(self.slots, [(slot, start, piece)]), [piece - 1])
            tails, start = [whole[last:]], last
        packed = [token for tail in tails for token in tail]
        places = [first + start + i for tail in tails for i in range(len(tail))]
        pieces = [(slot, start, len(tail)) for slot, tail in zip(fresh.values(), tails, strict=True)]
        ends = np.cumsum([len(tail) for tail in tails]) - 1
        logits = self.owner.logits(packed, places, Prefill(self.slots, pieces), ends.tolist())
        return dict(zip(fresh, logits, strict=True))

    # --------------------------------------------------------------------------------------------------------- step
    def step(self) -> tuple[list[InSlot], Tensor]:
        """Feed every row its last token: the rows, and the logits after it [rows, vocab]."""
        self._make_room(max(one.held for one in self.live) + 1)
        lengths = [one.held for one in self.live]
        model = self.owner.reader.model
        work = Decode.over(self.slots, lengths, model.device, model.dtype)
        positions = [self.prefix_len + length for length in lengths]
        tokens = [one.draft.tokens[-1] for one in self.live]
        logits = self.owner.logits(tokens, positions, work, range(len(tokens)))
        for one in self.live:
            one.held += 1
        return list(self.live), logits

    def settle(self, grown: Sequence[InSlot], logits: Tensor) -> list[tuple[Pending, Generated]]:
        """Add the next token to each grown row; the finished ones leave, and the last row fills each gap."""
        finished = []
        for one, after in zip(grown, logits, strict=True):
            token = pick(after, one.row.request, one.key, one.draft.count)
            answer = self.owner.endings.grow(one.draft, token, one.row.request)
            if answer is not None:
                finished.append((one, answer))
        for one, _ in finished:
            gap = next(i for i, other in enumerate(self.live) if other is one)
            last = self.live.pop()
            if last is not one:
                self.slots.copy(len(self.live), gap, last.held)
                self.live[gap] = last
        return [(one.row, answer) for one, answer in finished]
