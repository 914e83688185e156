"""Generation with hundreds of rows over pages: a step is captured once, and the host is a step behind the device."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.engine.budget import memory_for_pages
from harness.engine.causal.attention.passes import attending, under_way
from harness.engine.causal.attention.tree import Layers, TreePass
from harness.engine.causal.fuse import Forward, fused
from harness.engine.causal.generation.ending import Draft, Endings
from harness.engine.causal.generation.grouping import Pending, PromptShard, waiting_rows
from harness.engine.causal.generation.page_batch import PageBatch, Started
from harness.engine.causal.generation.pages import PAGE, PagedStep, Pages
from harness.engine.causal.generation.prompts import InPages, Prompts
from harness.engine.causal.scoring.logits import Reader
from harness.engine.device import fast_kernels, onto
from harness.engine.tally import Tally
from harness.types import Generate, Generated

ROWS = 256
"""Rows under way at once: from about so many on, products and not the reading of weights take the time of a step."""
PIECE = 8192
"""Prompt tokens of one forward pass."""


class PagedGenerator:
    """A causal model that continues prompts on a device of its own, see ``generate.Generator``.

    ``rows``: answers under way at once. ``lag``: passes that are started before the tokens of one are looked at.
    """

    def __init__(
        self,
        reader: Reader,
        fast: Mapping[torch.nn.Module, Forward],
        endings: Endings,
        tally: Tally,
        *,
        rows: int = ROWS,
        piece: int = PIECE,
    ) -> None:
        self.reader, self.fast, self.endings = reader, fast, endings
        self.device = reader.model.device
        self.rows, self.piece = rows, piece
        self.lag = 1 if self.device.type == "cuda" else 0
        self.tally = tally
        self.graphs = fast_kernels(self.device)
        self._prefix: tuple[tuple[int, ...], Layers] = ((), [])
        self._batch: PageBatch | None = None

    @torch.inference_mode()
    def together(self, shard: PromptShard) -> list[tuple[Pending, Generated]]:
        """Continuous batching: admit while there is room, add a token to every row, let the finished ones go."""
        answers, rows = waiting_rows(shard)
        if not rows:
            return answers
        try:
            return answers + self._answers(shard, deque(InPages(one.row, one.key) for one in rows))
        except BaseException:
            self.forget()  # rows that are still under way are nobody's
            raise

    def _answers(self, shard: PromptShard, waiting: deque[InPages]) -> list[tuple[Pending, Generated]]:
        answers: list[tuple[Pending, Generated]] = []
        with attending(self.reader.model), fused(self.fast):
            batch = self._batch_for(shard, self._prefix_of(shard.prefix))
            started: deque[Started] = deque()
            while waiting or batch.live or started:
                if waiting and batch.room():
                    started.append(batch.admit(waiting))
                elif batch.live:
                    started.append(batch.step(waiting))
                while len(started) > (self.lag if batch.live else 0):
                    answers += batch.settle(started.popleft())
        return answers

    def forget(self) -> None:
        """Give back all memory that is kept between shards."""
        self._batch, self._prefix = None, ((), [])

    def _prefix_of(self, tokens: tuple[int, ...]) -> Layers:
        """Keys and values of the shard's prefix, computed now unless the last shard had the same."""
        if self._prefix[0] != tokens:
            self.forget()
            layers: Layers = []
            for start in range(0, len(tokens), self.piece):
                ids = np.array(tokens[start : start + self.piece])
                depths = np.arange(start, start + len(ids))
                work = TreePass(depths, np.full(len(ids), len(ids)), layers or None, room=len(tokens))
                self._fill(ids, depths, work)
                layers = work.kept
            self._prefix = (tokens, layers)
        return self._prefix[1]

    def _fill(self, ids: NDArray[Any], depths: NDArray[Any], work: Any) -> None:
        tokens, places, last = onto(self.device, ids, depths, np.array([len(ids) - 1]))
        with under_way(work):
            self.reader.logits(tokens, places, last)
        self.tally.add(computed=len(ids))

    def _batch_for(self, shard: PromptShard, prefix: Layers) -> PageBatch:
        """The batch of the last shard where its prefix and its table's width serve this one too."""
        skip = len(shard.prefix)
        longest = max(len(row.tokens) - skip + row.request.max_tokens for row in shard.rows) + self.lag + 1
        width = -(-longest // PAGE)
        rows = max(1, min(self.rows, len(shard.rows)))
        old = self._batch
        if old is not None and old.prompts.prefix is prefix and old.width >= width and old.state.rows >= rows:
            return old
        most = memory_for_pages(self.reader.model) // PAGE
        self._batch = None
        pages = 2 + max(width, min(most, rows * width))
        self._batch = PageBatch(self._prompts(prefix, skip, pages), self.endings, rows, width, self.graphs)
        return self._batch

    def _prompts(self, prefix: Layers, prefix_len: int, pages: int) -> Prompts:
        return Prompts(self.reader, self.tally, Pages(pages), prefix, prefix_len, self.piece)

    def probe(self, ids: Sequence[int]) -> Tensor:
        """Logits [2, vocab] after two sequences of 24 ``ids``: a shared prefix, pieces that go on, and a step."""
        with attending(self.reader.model), fused(self.fast):
            prefix = self._prefix_of(tuple(ids[:8]))
            prompts = self._prompts(prefix, 8, 4)
            rows = [
                InPages(Pending((i,), (), Generate("", 1)), 0, Draft(), i, [prompts.pages.take()]) for i in range(2)
            ]
            prompts.prefill([(rows[0], 0, tuple(ids[8:13])), (rows[1], 0, tuple(ids[13:18]))], prefix)
            prompts.prefill([(rows[1], 5, tuple(ids[18:21]))], prompts.prefix_and(rows[1], 5))
            table, lengths, tokens, read = onto(
                self.device, *(np.array(x) for x in ([one.pages[0] for one in rows], [5, 8], ids[21:23], [0, 1]))
            )
            with under_way(PagedStep(prompts.pages, prefix, table[:, None], lengths, 8)):
                logits = self.reader.logits(tokens, lengths + 8, read)
        self.forget()
        return logits
