"""Rows that answer together over pages: who joins, a token more for each, and who leaves."""

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

import torch
from numpy.typing import NDArray

from harness.engine.causal.attention.passes import under_way
from harness.engine.causal.generation.captured import Captured, StepKind
from harness.engine.causal.generation.ending import Draft, Endings
from harness.engine.causal.generation.grouping import Pending
from harness.engine.causal.generation.pages import PAGE, PagedStep
from harness.engine.causal.generation.prompts import InPages, Prompts, Tokens
from harness.engine.causal.generation.step_state import StepState
from harness.engine.device import later
from harness.engine.sampling import pick_rows
from harness.types import Generated

BUCKETS = (1, 8, 16, 32, 64, 128, 256)
"""Rows that a step is captured for."""

Started = tuple[list[tuple[int, InPages]], Callable[[], list[NDArray[Any]]]]
"""Rows (number in the result, answer) whose next tokens a pass picks, and what waits for these."""


class PageBatch:
    """Rows under way behind one prefix, each at one of ``rows`` places and with at most ``width`` pages.

    ``graphs``: steps are captured.
    """

    def __init__(self, prompts: Prompts, endings: Endings, rows: int, width: int, graphs: bool) -> None:
        self.reader, self.endings, self.tally = prompts.reader, endings, prompts.tally
        self.prompts, self.pages, self.width = prompts, prompts.pages, width
        self.state = StepState(rows, width, self.reader.model.device)
        self.live: dict[int, InPages] = {}
        self._free = list(range(rows))
        self._steps: Captured | None = Captured() if graphs else None

    # ---------------------------------------------------------------------------------------------------- admission
    def room(self) -> bool:
        """Is there a place, and are there pages for the longest prompt beside a page more for each row under way?"""
        if not self.live and self.pages.free < self.width:
            self.prompts.drop()
        return bool(self._free) and self.pages.free >= len(self.live) + self.width

    def admit(self, waiting: deque[InPages]) -> Started:
        """Rows that join: each distinct prompt goes through the model once, and their first tokens are picked."""
        joining, fresh = self._next_rows(waiting)
        readings = self.prompts.read(fresh)
        self.prompts.fork(joining, readings)
        last = joining[-1][1]
        logits = torch.stack([readings[prompt].logits for _, prompt in joining])
        if waiting and self._prompt(waiting[0]) == last and self.pages.free > len(self.live):
            self.prompts.keep(last, readings[last])
        else:
            self.prompts.drop()
        rows = [one for one, _ in joining]
        draws = [(one.key, one.draft.count, one.row.request) for one in rows]
        picked = self.state.enter([one.place for one in rows], [one.held for one in rows], draws, logits)
        for one in rows:
            self.state.set_pages(one.place, one.pages)
        return list(enumerate(rows)), later(picked)

    def _prompt(self, one: InPages) -> Tokens:
        return one.prompt(self.prompts.prefix_len)

    def _next_rows(self, waiting: deque[InPages]) -> tuple[list[tuple[InPages, Tokens]], dict[Tokens, InPages]]:
        """Rows that take a place, with their prompts, and those whose prompts have to be read, by their prompts.

        As many as there are places and pages for, whose prompts fit into one pass; a prompt longer than a pass comes
        alone.
        """
        joining: list[tuple[InPages, Tokens]] = []
        fresh: dict[Tokens, InPages] = {}
        kept = self.prompts.kept
        left = self.prompts.piece
        promised = len(self.live)  # pages that those under way, and those who share a prompt, will take
        while waiting and self._free:
            one = waiting[0]
            prompt = self._prompt(one)
            known = prompt in fresh or (kept is not None and prompt == kept[0])
            needed = 1 if known else len(prompt) // PAGE + 1
            if joining and (self.pages.free < needed + promised + 1 or (not known and len(prompt) > left)):
                break
            if known:
                promised += 1
            else:
                left -= len(prompt)
                one.pages = [self.pages.take() for _ in range(needed)]
                fresh[prompt] = one
            joining.append((waiting.popleft(), prompt))
            one.place = heappop(self._free)
            self.live[one.place] = one
            promised += 1
        return joining, fresh

    # --------------------------------------------------------------------------------------------------------- step
    def step(self, waiting: deque[InPages]) -> Started:
        """Feed every row its last token and pick the next one."""
        self._compact(waiting)
        self._grow(waiting)
        self.state.send()
        rows = list(self.live.items())
        kind = self._kind()
        if self._steps is None:
            self._advance(kind)
        else:
            state = self.state
            self._steps.run(kind, lambda: self._advance(kind), (state.tokens, state.lengths, state.count))
        self.tally.add(computed=len(rows))
        for one in self.live.values():
            one.held += 1
        return rows, later(self.state.tokens[: kind.places])

    def _kind(self) -> StepKind:
        """The smallest bucket that holds all places in use, so that few kinds of steps are captured."""
        top = max(self.live) + 1
        count = min([size for size in BUCKETS if size >= top], default=self.state.rows)
        requests = [one.row.request for one in self.live.values()]
        drawn = any(request.temperature > 0 for request in requests)
        nucleus = any(request.temperature > 0 and request.top_p < 1 for request in requests)
        return StepKind(min(count, self.state.rows), drawn, nucleus)

    def _advance(self, kind: StepKind) -> None:
        """One token more for the first places."""
        state, skip = self.state, self.prompts.prefix_len
        lengths = state.lengths[: kind.places]
        work = PagedStep(self.pages, self.prompts.prefix or None, state.table[: kind.places], lengths, skip)
        read = torch.arange(kind.places, device=state.device)
        with under_way(work):
            logits = self.reader.logits(state.tokens[: kind.places], lengths + skip, read)
        state.advance(pick_rows(logits, state.draws(*kind)))

    def _grow(self, waiting: deque[InPages]) -> None:
        """A page more for each row whose next token begins one.

        Where there is none left, the kept prompt goes, and then the last row steps back: a row alone always has room.
        """
        for one in list(self.live.values()):
            if one.place in self.live and one.held // PAGE == len(one.pages):
                while not self.pages.free:
                    if not self.prompts.drop():
                        self._step_back(self.live[max(self.live)], waiting)
                if one.place in self.live:
                    one.pages.append(self.pages.take())
                    self.state.set_pages(one.place, one.pages)

    def _step_back(self, one: InPages, waiting: deque[InPages]) -> None:
        self._leave([one])
        waiting.appendleft(InPages(one.row, one.key, one.draft))
        one.draft = Draft(ended=True)  # the pass that is under way for it is not looked at

    def _compact(self, waiting: deque[InPages]) -> None:
        """When half of the places are empty for good, the others move together, so that smaller steps serve."""
        top = max(self.live) + 1
        if waiting or len(self.live) * 2 > top or top <= BUCKETS[1]:
            return
        order = sorted(self.live)
        self.state.compact(order)
        self.live = {place: self.live[old] for place, old in enumerate(order)}
        for place, one in self.live.items():
            one.place = place
            self.state.set_pages(place, one.pages)
        self._free = list(range(len(order), self.state.rows))
        heapify(self._free)

    # ------------------------------------------------------------------------------------------------------- settle
    def settle(self, started: Started) -> list[tuple[Pending, Generated]]:
        """Add the tokens that were picked to their rows; the finished ones leave."""
        rows, wait = started
        tokens = wait()[0]
        finished: list[tuple[Pending, Generated]] = []
        gone = []
        for number, one in rows:
            if one.draft.ended:
                continue
            answer = self.endings.grow(one.draft, int(tokens[number]), one.row.request)
            if answer is not None:
                one.draft.ended = True
                finished.append((one.row, answer))
                gone.append(one)
        self._leave(gone)
        return finished

    def _leave(self, gone: Sequence[InPages]) -> None:
        """Their places and pages are free."""
        for one in gone:
            self.pages.give(one.pages)
            del self.live[one.place]
            heappush(self._free, one.place)
        if gone:
            self.state.clear([one.place for one in gone])
