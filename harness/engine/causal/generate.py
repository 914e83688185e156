"""Generation with a causal model: shared prompts once, and a finished row's place goes to the next one at once."""

import sys
from collections import deque
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.engine.budget import kept_bytes, out_of_memory
from harness.engine.causal.aligned import AlignedGenerator, aligned_for
from harness.engine.causal.batching import SHARD, Row, Shard, plan
from harness.engine.causal.carry import forget_lengths, rescaled_above
from harness.engine.causal.ending import Endings, Made
from harness.engine.causal.fuse import Forward
from harness.engine.causal.head import Reader
from harness.engine.causal.paged import PagedGenerator, probe
from harness.engine.causal.passes import attending, under_way
from harness.engine.causal.slots import Prefill, Slots, Step
from harness.engine.causal.truth import HALF, disagreement
from harness.engine.device import onto
from harness.engine.sampling import pick, stream
from harness.types import Generate, Generated, Response

ROWS = 32
"""Rows under way at once: more of them read the same weights for nothing, but hold more keys and values."""
PIECE = 1024
"""Prompt tokens of one forward pass."""
MEMORY = 2 << 30
"""Bytes for keys and values; a constant, since the number of rows may change the last digit of a logit."""


@dataclass(slots=True)
class Cost:
    """Tokens that were asked for (prompt and answer of every question) and tokens that went through the model."""

    asked: int = 0
    computed: int = 0


@dataclass(slots=True)
class Live:
    """An answer under way: what it made, how many tokens its slot holds."""

    row: Row
    key: int
    held: int
    made: Made = field(default_factory=Made)


def generate(
    generator: "Generator", asked: Sequence[tuple[int, tuple[int, ...], Generate]], done: Container[int] = ()
) -> Iterator[list[tuple[int, Response]]]:
    """Answers to (position, prompt tokens, request), one batch per shard that is not yet done."""
    for shard in plan(asked, generator.shard):
        if not all(position in done for position in shard.positions):
            yield generator.answer(shard)


class Generator:
    """A causal model that continues prompts, with its place for keys and values.

    ``rows``: answers under way at once; 0 makes them one at a time. ``piece``: prompt tokens of one forward pass.
    ``alone`` says why answers do not share keys and values; empty if they do. ``aligned`` then makes them together with
    the model's own cache; without it they are made one at a time.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        whole: bool = False,
        fast: Mapping[torch.nn.Module, Forward] | None = None,
        rows: int = ROWS,
        piece: int = PIECE,
    ) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.reader = Reader(model, whole)
        self.endings = Endings(model, tokenizer)
        self.rows, self.piece = rows, piece
        self.cost = Cost()
        self._prefix: tuple[tuple[int, ...], Slots] = ((), Slots(0, 0))
        on_gpu = model.device.type == "cuda"
        self._paged = PagedGenerator(self.reader, fast or {}, self.endings) if on_gpu else None
        self.limit = rescaled_above(model)
        self.alone = self.unsafe() if rows else "asked for one at a time"
        self.aligned = aligned_for(self.reader, self.endings) if self.alone and rows else None
        self.shard = 2 * self._paged.rows if self._paged and not self.alone else SHARD

    @torch.inference_mode()
    def unsafe(self) -> str:
        """Why this model cannot share keys and values: compared with its own forward pass over a few tokens."""
        if self.limit is not None:
            return "its positions change with the length of the batch"
        wrong = self._differing(1)
        lucky = wrong and self.model.dtype in HALF  # luck decides between two tokens, but not between eight
        return self._differing(4) if lucky else wrong

    def _differing(self, count: int) -> str:
        vocabulary = self.model.config.get_text_config().vocab_size
        probes = [[(7 * i + first) % vocabulary for i in range(24)] for first in range(3, 3 + 11 * count, 11)]
        try:
            ours = self._probed(probes)
        except Exception as error:  # whatever a model's own code raises when it does not know this attention
            return f"its attention cannot be replaced ({type(error).__name__}: {' '.join(str(error).split())[:120]})"
        wholes = [one for ids in probes for one in (ids[:13] + ids[21:22], ids[:8] + ids[13:21] + ids[22:23])]
        wide = Generator(self.model, self.tokenizer, whole=True, rows=0) if self.model.dtype in HALF else None
        return disagreement(self.model, ours, wholes, (lambda: wide._probed(probes)) if wide else None)

    def _probed(self, probes: Sequence[list[int]]) -> list[Tensor]:
        found = [after for ids in probes for after in (probe(self._paged, ids) if self._paged else self._probe(ids))]
        self.cost.computed = 0  # nobody asked for these
        return found

    def _probe(self, ids: list[int]) -> Tensor:
        """Logits after two sequences, by a shared prefix, two pieces that go on, one that goes on again, and a step."""
        with attending(self.model):
            slots = Slots(1, 8)
            self._pass(ids[:8], range(8), Prefill(slots, [(0, 0, 8)]), [7])
            slots.freeze(8)
            slots = slots.resized(2, 16)
            self._pass(ids[8:18], [*range(8, 13), *range(8, 13)], Prefill(slots, [(0, 0, 5), (1, 0, 5)]), [4, 9])
            self._pass(ids[18:21], range(13, 16), Prefill(slots, [(1, 5, 3)]), [2])
            kept = next((layer.slots for layer in slots.layers.values() if layer.slots), None)
            if kept is None:
                raise ValueError("no layer asks for it")
            step = Step.over(slots, [5, 8], self.model.device, kept[0].dtype)
            return self._pass(ids[21:23], [13, 16], step, [0, 1])

    @torch.inference_mode()
    def answer(self, shard: Shard) -> list[tuple[int, Response]]:
        """Every question of the shard with its answer. Out of memory halves rows and pass, and begins it again."""
        while True:
            try:
                made = self._answer(shard)
                break
            except (RuntimeError, MemoryError) as error:
                smaller = self.aligned or self._paged or self
                if not out_of_memory(error) or smaller.rows <= 1:
                    raise
                smaller.rows, smaller.piece = smaller.rows // 2, max(64, smaller.piece // 2)
                self._prefix = ((), Slots(0, 0))
                for other in (self._paged, self.aligned):
                    if other is not None:
                        other.forget()
        self.cost.asked += sum(len(row.positions) * (len(row.tokens) + answer.tokens) for row, answer in made)
        return sorted((position, answer) for row, answer in made for position in row.positions)

    def _answer(self, shard: Shard) -> list[tuple[Row, Generated]]:
        if self.aligned is not None:
            return self._aligned_answers(shard, self.aligned)
        if self.alone:
            return [(row, self._single(row)) for row in shard.rows]
        if self._paged is None:
            return self._together(shard)
        made = self._paged.together(shard)
        self.cost.computed += self._paged.computed
        self._paged.computed = 0
        return made

    # ------------------------------------------------------------------------------------------------ one at a time
    def _single(self, row: Row) -> Generated:
        """A row alone, by definition: nothing is kept between its tokens."""
        live = Live(row, stream(row.request, row.tokens), 0)
        answer = Generated("", 0, "length") if row.request.max_tokens <= 0 else None
        while answer is None:
            ids = torch.tensor([[*row.tokens, *live.made.tokens]], device=self.model.device)
            self.cost.computed += ids.numel()
            forget_lengths(self.model)
            answer = self._grow(live, self.model(ids, use_cache=False).logits[0, -1].float())
        return answer

    # ---------------------------------------------------------------------------------------------------- in step
    def _aligned_answers(self, shard: Shard, aligned: AlignedGenerator) -> list[tuple[Row, Generated]]:
        """Rows go on from copies of a state; those that grow so long that positions are rescaled are made alone."""
        limit = self.limit or sys.maxsize
        near = [row for row in shard.rows if len(row.tokens) + row.request.max_tokens <= limit]
        made = aligned.together(replace(shard, rows=tuple(near)))
        self.cost.computed += aligned.computed
        aligned.computed = 0
        return [*made, *((row, self._single(row)) for row in shard.rows if row not in near)]

    # --------------------------------------------------------------------------------------------------- together
    def _together(self, shard: Shard) -> list[tuple[Row, Generated]]:
        """Continuous batching: admit while there is room, add a token to every row, let the finished ones go."""
        made = [(row, Generated("", 0, "length")) for row in shard.rows if row.request.max_tokens <= 0]
        waiting = deque(row for row in shard.rows if row.request.max_tokens > 0)
        if not waiting:
            return made
        skip = len(shard.prefix)
        with attending(self.model):
            slots = self._room(shard, waiting)
            live: list[Live] = []
            kept: tuple[tuple[int, ...], Tensor] | None = None
            while waiting or live:
                if waiting and len(live) < slots.count - 1:
                    newcomers, logits, kept = self._admit(waiting, slots, len(live), skip, kept)
                    live += newcomers
                    made += self._settle(live, newcomers, logits, slots)
                elif live:
                    made += self._settle(live, list(live), self._step(live, slots, skip), slots)
        return made

    def _room(self, shard: Shard, rows: Sequence[Row]) -> Slots:
        """Slots behind the shard's prefix (computed now unless the last shard had the same), one of them spare."""
        if self._prefix[0] != shard.prefix:
            first = Slots(1, len(shard.prefix))
            for start in range(0, len(shard.prefix), self.piece):
                ids = shard.prefix[start : start + self.piece]
                positions = range(start, start + len(ids))
                self._pass(ids, positions, Prefill(first, [(0, start, len(ids))]), [len(ids) - 1])
            first.freeze(len(shard.prefix))
            self._prefix = (shard.prefix, first)
        length = max(len(row.tokens) + row.request.max_tokens for row in rows) - len(shard.prefix)
        fitting = int(MEMORY // (length * kept_bytes(self.model)))
        return self._prefix[1].resized(max(1, min(self.rows, fitting, len(rows))) + 1, length)

    def _admit(
        self, waiting: deque[Row], slots: Slots, taken: int, skip: int, kept: tuple[tuple[int, ...], Tensor] | None
    ) -> tuple[list[Live], Tensor, tuple[tuple[int, ...], Tensor] | None]:
        """Rows that join, the logits after their prompts [rows, vocab], and the prompt left in the spare slot.

        A prompt goes through the model once: rows that ask the same copy its keys, from a neighbour that joins with
        them or from the spare slot, where the last prompt stays as long as more rows wait for it.
        """
        spare = slots.count - 1
        joining: list[Row] = []
        source: dict[tuple[int, ...], int] = {} if kept is None else {kept[0]: spare}
        fresh: list[tuple[int, Row]] = []
        room = self.piece
        while waiting and taken + len(joining) < spare:
            row = waiting[0]
            if row.tokens not in source:
                cost = len(row.tokens) - skip
                if cost > room and fresh:
                    break
                room -= cost
                source[row.tokens] = taken + len(joining)
                fresh.append((taken + len(joining), row))
            joining.append(waiting.popleft())
        after = {} if kept is None else {kept[0]: kept[1]}
        after |= self._read(fresh, slots, skip)
        for slot, row in enumerate(joining, start=taken):
            if source[row.tokens] != slot:
                slots.copy(source[row.tokens], slot, len(row.tokens) - skip)
        kept = None
        if waiting and waiting[0].tokens == joining[-1].tokens:
            last = joining[-1].tokens
            slots.copy(taken + len(joining) - 1, spare, len(last) - skip)
            kept = (last, after[last])
        lives = [Live(row, stream(row.request, row.tokens), len(row.tokens) - skip) for row in joining]
        return lives, torch.stack([after[row.tokens] for row in joining]), kept

    def _read(self, fresh: Sequence[tuple[int, Row]], slots: Slots, skip: int) -> dict[tuple[int, ...], Tensor]:
        """Logits after prompts that nobody has read yet: all in one pass, or one long prompt in several."""
        if not fresh:
            return {}
        tails = [row.tokens[skip:] for _, row in fresh]
        start = 0
        if len(fresh) == 1:  # may be longer than a pass
            for start in range(0, len(tails[0]) - self.piece, self.piece):
                ids = tails[0][start : start + self.piece]
                positions = range(skip + start, skip + start + len(ids))
                self._pass(ids, positions, Prefill(slots, [(fresh[0][0], start, len(ids))]), [len(ids) - 1])
            start = (len(tails[0]) - 1) // self.piece * self.piece
            tails = [tails[0][start:]]
        packed = [token for tail in tails for token in tail]
        places = [skip + start + i for tail in tails for i in range(len(tail))]
        pieces = [(slot, start, len(tail)) for (slot, _), tail in zip(fresh, tails, strict=True)]
        ends, total = [], 0
        for tail in tails:
            total += len(tail)
            ends.append(total - 1)
        logits = self._pass(packed, places, Prefill(slots, pieces), ends)
        return {row.tokens: after for (_, row), after in zip(fresh, logits, strict=True)}

    def _step(self, live: Sequence[Live], slots: Slots, skip: int) -> Tensor:
        """Feed every row its last token: logits [rows, vocab]."""
        lengths = [row.held for row in live]
        step = Step.over(slots, lengths, self.model.device, self.model.dtype)
        positions = [skip + length for length in lengths]
        logits = self._pass([row.made.tokens[-1] for row in live], positions, step, range(len(live)))
        for row in live:
            row.held += 1
        return logits

    def _settle(
        self, live: list[Live], grown: Sequence[Live], logits: Tensor, slots: Slots
    ) -> list[tuple[Row, Generated]]:
        """Add the next token to each grown row; the finished ones leave, and the last slot fills each gap."""
        finished = []
        for row, after in zip(grown, logits, strict=True):
            answer = self._grow(row, after)
            if answer is not None:
                finished.append((row, answer))
        for row, _ in finished:
            gap = next(i for i, other in enumerate(live) if other is row)
            last = live.pop()
            if last is not row:
                slots.copy(len(live), gap, last.held)
                live[gap] = last
        return [(row.row, answer) for row, answer in finished]

    def _grow(self, live: Live, logits: Tensor) -> Generated | None:
        """Add the token after ``logits``; the answer if that ends it."""
        token = pick(logits, live.row.request, live.key, live.made.count)
        return self.endings.grow(live.made, token, live.row.request)

    def _pass(
        self, ids: Sequence[int], positions: Sequence[int], attended: Prefill | Step, read: Sequence[int]
    ) -> Tensor:
        """Logits [read, vocab] in float32 after the tokens at ``read`` of one forward pass."""
        self.cost.computed += len(ids)
        with under_way(attended):
            return self.reader.logits(*onto(self.model.device, *(np.array(x) for x in (ids, positions, read))))
