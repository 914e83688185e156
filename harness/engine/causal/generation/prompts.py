"""Prompts in pages: each distinct one is read once, and rows that ask the same share its pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from harness.engine.causal.attention.passes import under_way
from harness.engine.causal.attention.tree import Kept, Layers, TreePass
from harness.engine.causal.generation.grouping import Live
from harness.engine.causal.generation.pages import PAGE, PagedPrefill, Pages
from harness.engine.causal.scoring.logits import Reader
from harness.engine.device import onto
from harness.engine.tally import Tally

Tokens = tuple[int, ...]


@dataclass(slots=True, eq=False)
class InPages(Live):
    """A row under way: its place in the batch, its pages, and how many tokens behind the prefix they hold."""

    place: int = -1
    pages: list[int] = field(default_factory=list)
    held: int = 0


@dataclass(slots=True)
class Reading:
    """A prompt that has been read: the pages that hold it and the logits after it."""

    pages: list[int]
    logits: Tensor


class Prompts:
    """Reads prompts behind a shard's prefix of ``prefix_len`` tokens into ``pages``, ``piece`` tokens a pass.

    ``kept``: the last prompt, as long as more rows wait for it.
    """

    def __init__(self, reader: Reader, tally: Tally, pages: Pages, prefix: Layers, prefix_len: int, piece: int) -> None:
        self.reader, self.tally, self.pages = reader, tally, pages
        self.prefix, self.prefix_len, self.piece = prefix, prefix_len, piece
        self.kept: tuple[Tokens, Reading] | None = None

    def read(self, fresh: Mapping[Tokens, InPages]) -> dict[Tokens, Reading]:
        """Read prompts that nobody has read yet, each into its row's pages; the kept one is there already."""
        known = {} if self.kept is None else {self.kept[0]: self.kept[1]}
        logits = self._logits(fresh)
        return known | {p: Reading(one.pages, after) for (p, one), after in zip(fresh.items(), logits, strict=True)}

    def _logits(self, fresh: Mapping[Tokens, InPages]) -> list[Tensor]:
        """Logits after every prompt: all in one pass, or one long prompt in several."""
        if not fresh:
            return []
        pieces = [(one, 0, prompt) for prompt, one in fresh.items()]
        one, _, prompt = pieces[0]
        if len(pieces) > 1 or len(prompt) <= self.piece:
            return list(self.prefill(pieces, self.prefix))
        for start in range(0, len(prompt), self.piece):
            piece = prompt[start : start + self.piece]
            logits = self.prefill([(one, start, piece)], self.prefix_and(one, start))
        return list(logits)

    def prefix_and(self, one: InPages, start: int) -> Layers:
        """The shared prefix and the first ``start`` tokens of a row's own, as if it were a prefix of its own."""
        if not start:
            return self.prefix
        layers = []
        (pages,) = onto(self.reader.model.device, np.array(one.pages))
        for number, held in sorted(self.pages.layers.items()):
            own = [kept[pages].transpose(0, 1).flatten(1, 2)[None, :, :start] for kept in held]
            if self.prefix:
                own = [torch.cat(pair, 2) for pair in zip(self.prefix[number].known(), own, strict=True)]
            layers.append(Kept(own[0], own[1], self.prefix_len + start))
        return layers

    def prefill(self, pieces: Sequence[tuple[InPages, int, Tokens]], prefix: Layers) -> Tensor:
        """Logits [pieces, vocab] after (row, start, tokens), in one pass."""
        counts = np.array([len(tokens) for _, _, tokens in pieces])
        ends = np.repeat(np.cumsum(counts), counts)
        own = np.concatenate([np.arange(start, start + len(tokens)) for _, start, tokens in pieces])
        pages = np.concatenate(
            [np.array(one.pages)[np.arange(start, start + len(tokens)) // PAGE] for one, start, tokens in pieces]
        )
        ids = np.concatenate([np.array(tokens) for _, _, tokens in pieces])
        depths, last = own + self.prefix_len, np.cumsum(counts) - 1
        sent = onto(self.reader.model.device, ids, depths, last, pages, own % PAGE)
        tree = TreePass(depths, ends, prefix or None)
        self.tally.add(computed=len(ids))
        with under_way(PagedPrefill(self.pages, tree, sent[3].long(), sent[4].long())):
            return self.reader.logits(*sent[:3])

    def fork(self, joining: Sequence[tuple[InPages, Tokens]], readings: Mapping[Tokens, Reading]) -> None:
        """Rows whose prompt another has read share its full pages and copy the last."""
        sources, targets = [], []
        for one, prompt in joining:
            one.held = len(prompt)
            theirs = readings[prompt].pages
            if one.pages is theirs:
                continue
            full = len(prompt) // PAGE
            self.pages.share(theirs[:full])
            one.pages = [*theirs[:full], self.pages.take()]
            sources.append(theirs[full])
            targets.append(one.pages[-1])
        self.pages.copy(sources, targets)

    def keep(self, prompt: Tokens, reading: Reading) -> None:
        """Hold on to ``prompt`` for rows that wait for it, in pages of its own; another one goes."""
        before = self.kept
        if before is not None and before[0] == prompt:
            self.kept = (prompt, Reading(before[1].pages, reading.logits))
            return
        full = len(prompt) // PAGE
        self.pages.share(reading.pages[:full])
        last = self.pages.take()
        self.pages.copy([reading.pages[full]], [last])
        self.drop()
        self.kept = (prompt, Reading([*reading.pages[:full], last], reading.logits))

    def drop(self) -> bool:
        """Give back the pages of the kept prompt; whether there was one."""
        if self.kept is None:
            return False
        self.pages.give(self.kept[1].pages)
        self.kept = None
        return True
