"""Generation with a causal model: in the first of the ways that gives the numbers of its own forward pass."""

import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from harness.engine.budget import kept_bytes, out_of_memory, weight_bytes
from harness.engine.causal.fuse import Forward
from harness.engine.causal.generation.aligned import AlignedGenerator, aligned_for
from harness.engine.causal.generation.ending import Endings
from harness.engine.causal.generation.grouping import SHARD, Batching, Live, Pending, PromptShard, plan
from harness.engine.causal.generation.paged import PagedGenerator
from harness.engine.causal.generation.slotted import PIECE, ROWS, SlottedGenerator
from harness.engine.causal.rotations import forget_lengths, rescaled_above
from harness.engine.causal.scoring.logits import Reader
from harness.engine.causal.truth import HALF, disagreement
from harness.engine.sampling import pick, stream
from harness.engine.tally import Tally
from harness.engine.thinking import Thinking
from harness.types import Generate, Generated, Response


def generate(
    generator: "Generator", asked: Sequence[tuple[int, tuple[int, ...], Generate]], done: Container[int] = ()
) -> Iterator[list[tuple[int, Response]]]:
    """Answers to (position, prompt tokens, request), one batch per shard that is not yet done."""
    for shard in plan(asked, generator.batching):
        if not all(position in done for position in shard.positions):
            yield generator.answer(shard)


class Generator:
    """A causal model that continues prompts.

    ``rows``: answers under way at once; 0 makes them one at a time. ``piece``: prompt tokens of one forward pass.
    ``alone`` says why answers do not share keys and values; empty if they do, in pages on a GPU and in slots elsewhere
    (``sharing``). ``aligned`` makes the others together with the model's own cache; without it they are made one at a
    time. ``thinking``: the tags by which thoughts are told from answers.
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
        thinking: Thinking | None = None,
    ) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.reader = Reader(model, whole)
        self.endings = Endings(model, tokenizer, thinking)
        self.tally = Tally()
        self.sharing: SlottedGenerator | PagedGenerator
        if model.device.type == "cuda":
            self.sharing = PagedGenerator(self.reader, fast or {}, self.endings, self.tally)
        else:
            self.sharing = SlottedGenerator(self.reader, self.endings, self.tally, fast=fast, rows=rows, piece=piece)
        self.limit = rescaled_above(model)
        self.alone = self.unsafe() if rows else "asked for one at a time"
        self.aligned = aligned_for(self.reader, self.endings, self.tally) if self.alone and rows else None
        self.tally.computed = 0  # nobody asked for what was tried out
        self.batching = self._batching()

    def _batching(self) -> Batching:
        on_cpu = self.model.device.type == "cpu"
        if self.alone:  # a batch of states has rows of one length, so that those of other groups would not join it
            return Batching(1, 0.0, None if on_cpu else SHARD)
        each, rows = kept_bytes(self.model), self.sharing.rows
        key = each / weight_bytes(self.model)
        if isinstance(self.sharing, PagedGenerator):
            return Batching(rows, key, None if on_cpu else 2 * rows)  # a step of few rows costs a GPU as much
        return Batching(rows, key, None if on_cpu else SHARD, self.sharing.memory // each)

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
            ours = [after for ids in probes for after in self.sharing.probe(ids)]
        except Exception as error:  # whatever a model's own code raises when it does not know this attention
            return f"its attention cannot be replaced ({type(error).__name__}: {' '.join(str(error).split())[:120]})"
        wholes = [one for ids in probes for one in (ids[:13] + ids[21:22], ids[:8] + ids[13:21] + ids[22:23])]
        wide = Generator(self.model, self.tokenizer, whole=True, rows=0) if self.model.dtype in HALF else None
        truth = (lambda: [after for ids in probes for after in wide.sharing.probe(ids)]) if wide else None
        return disagreement(self.model, ours, wholes, truth)

    @torch.inference_mode()
    def answer(self, shard: PromptShard) -> list[tuple[int, Response]]:
        """Every question of the shard with its answer. Out of memory halves rows and pass, and begins it again."""
        while True:
            try:
                answers = self._answer(shard)
                break
            except (RuntimeError, MemoryError) as error:
                smaller = self.aligned or self.sharing
                if not out_of_memory(error) or smaller.rows <= 1:
                    raise
                smaller.rows, smaller.piece = smaller.rows // 2, max(64, smaller.piece // 2)
                smaller.forget()
        asked = sum(len(row.positions) * (len(row.tokens) + answer.tokens) for row, answer in answers)
        self.tally.add(asked=asked)
        read = [(row, self.endings.answer(row.request, answer)) for row, answer in answers]
        return sorted((position, answer) for row, answer in read for position in row.positions)

    def _answer(self, shard: PromptShard) -> list[tuple[Pending, Generated]]:
        if self.aligned is not None:
            return self._aligned_answers(shard, self.aligned)
        if self.alone:
            return [(row, self._single(row)) for row in shard.rows]
        return self.sharing.together(shard)

    def _single(self, row: Pending) -> Generated:
        """A row alone, by definition: nothing is kept between its tokens."""
        live = Live(row, stream(row.request, row.tokens))
        answer = Generated("", 0, "length") if row.request.max_tokens <= 0 else None
        while answer is None:
            ids = torch.tensor([[*row.tokens, *live.draft.tokens]], device=self.model.device)
            self.tally.add(computed=ids.numel())
            forget_lengths(self.model)
            logits = self.model(ids, use_cache=False).logits[0, -1].float()
            token = pick(logits, row.request, live.key, live.draft.count)
            answer = self.endings.grow(live.draft, token, row.request)
        return answer

    def _aligned_answers(self, shard: PromptShard, aligned: AlignedGenerator) -> list[tuple[Pending, Generated]]:
        """Rows go on from copies of a state; those that grow so long that positions are rescaled are made alone."""
        limit = self.limit or sys.maxsize
        near = [row for row in shard.rows if len(row.tokens) + row.request.max_tokens <= limit]
        answers = aligned.together(replace(shard, rows=tuple(near)))
        return [*answers, *((row, self._single(row)) for row in shard.rows if row not in near)]
