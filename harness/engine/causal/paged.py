"""Generation with hundreds of rows over pages: a step is captured once, and the host is a step behind the device."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.engine.budget import memory_for_pages, out_of_memory
from harness.engine.causal.attention import Kept, Layers, TreePass
from harness.engine.causal.batching import Row, Shard
from harness.engine.causal.ending import Endings, Made
from harness.engine.causal.fuse import Forward, fused
from harness.engine.causal.head import Reader
from harness.engine.causal.pages import PAGE, PagedPrefill, PagedStep, Pages
from harness.engine.causal.passes import attending, under_way
from harness.engine.device import fast_kernels, later, onto
from harness.engine.sampling import Draws, pick_rows, stream
from harness.types import Generate, Generated

ROWS = 256
"""Rows under way at once: from about so many on, products and not the reading of weights take the time of a step."""
PIECE = 8192
"""Prompt tokens of one forward pass."""
BUCKETS = (1, 8, 16, 32, 64, 128, 256)
"""Rows that a step is captured for."""


@dataclass(slots=True, eq=False)
class Live:
    """An answer under way: its place in the batch, its pages, and how many of its own tokens they hold."""

    row: Row
    key: int
    made: Made
    place: int = -1
    pages: list[int] = field(default_factory=list)
    held: int = 0


Started = tuple[list[tuple[int, Live]], Callable[[], list[NDArray[Any]]]]
"""Rows (number in the result, answer) whose next tokens a pass picks, and what waits for these."""


class PagedGenerator:
    """A causal model that continues prompts on a device of its own, see ``generate.Generator``.

    ``rows``: answers under way at once. ``lag``: passes that are started before the tokens of one are looked at.
    """

    def __init__(
        self,
        reader: Reader,
        fast: Mapping[torch.nn.Module, Forward],
        endings: Endings,
        *,
        rows: int = ROWS,
        piece: int = PIECE,
    ) -> None:
        self.reader, self.fast, self.endings = reader, fast, endings
        self.device = reader.model.device
        self.rows, self.piece = rows, piece
        self.lag = 1 if self.device.type == "cuda" else 0
        self.computed = 0
        self.graphs = fast_kernels(self.device)
        self._prefix: tuple[tuple[int, ...], Layers] = ((), [])
        self._batch: Batch | None = None

    @torch.inference_mode()
    def together(self, shard: Shard) -> list[tuple[Row, Generated]]:
        """Continuous batching: admit while there is room, add a token to every row, let the finished ones go."""
        made = [(row, Generated("", 0, "length")) for row in shard.rows if row.request.max_tokens <= 0]
        waiting = deque(
            Live(row, stream(row.request, row.tokens), Made()) for row in shard.rows if row.request.max_tokens > 0
        )
        if not waiting:
            return made
        try:
            made += self._answers(shard, waiting)
        except BaseException:
            self.forget()  # rows that are still under way are nobody's
            raise
        return made

    def _answers(self, shard: Shard, waiting: deque[Live]) -> list[tuple[Row, Generated]]:
        made: list[tuple[Row, Generated]] = []
        with attending(self.reader.model), fused(self.fast):
            batch = self._batch_for(shard, self._prefix_of(shard.prefix))
            started: deque[Started] = deque()
            while waiting or batch.live or started:
                if waiting and batch.room():
                    started.append(batch.admit(waiting))
                elif batch.live:
                    started.append(batch.step(waiting))
                while len(started) > (self.lag if batch.live else 0):
                    made += batch.settle(started.popleft())
            self.computed += batch.computed
            batch.computed = 0
        return made

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
        self.computed += len(ids)

    def _batch_for(self, shard: Shard, prefix: Layers) -> "Batch":
        """The batch of the last shard where its prefix and its table's width serve this one too."""
        skip = len(shard.prefix)
        longest = max(len(row.tokens) - skip + row.request.max_tokens for row in shard.rows) + self.lag + 1
        width = -(-longest // PAGE)
        rows = max(1, min(self.rows, len(shard.rows)))
        old = self._batch
        if old is not None and old.prefix is prefix and old.width >= width and old.rows >= rows:
            return old
        most = memory_for_pages(self.reader.model) // PAGE
        self._batch = None
        self._batch = Batch(self, prefix, skip, rows, width, 2 + max(width, min(most, rows * width)))
        return self._batch


class Batch:
    """Rows under way at ``rows`` places behind one prefix of ``skip`` tokens; what a step reads lies on the device."""

    def __init__(self, owner: PagedGenerator, prefix: Layers, skip: int, rows: int, width: int, pages: int) -> None:
        self.reader, self.endings, self.piece, self.device = owner.reader, owner.endings, owner.piece, owner.device
        self.prefix, self.skip, self.rows, self.width = prefix, skip, rows, width
        self.pages = Pages(pages)
        self.live: dict[int, Live] = {}
        self.computed = 0
        self._free = list(range(rows))
        self._table = np.zeros((rows, width), np.int32)
        self._dirty = False
        self._last: tuple[tuple[int, ...], list[int], Tensor] | None = None  # a prompt, its pages, what follows it
        zeros: Callable[[torch.dtype], Tensor] = lambda kind: torch.zeros(rows, dtype=kind, device=self.device)  # noqa: E731
        self.table = torch.zeros(rows, width, dtype=torch.int32, device=self.device)
        self.tokens, self.key, self.count = (zeros(torch.int64) for _ in range(3))
        self.lengths, self.active = zeros(torch.int32), zeros(torch.int32)
        self.temperature, self.top_p = zeros(torch.float64), zeros(torch.float64)
        self._steps: Captured | None = Captured() if owner.graphs else None

    # ---------------------------------------------------------------------------------------------------- admission
    def room(self) -> bool:
        """Is there a place, and are there pages for the longest prompt beside a page more for each row under way?"""
        if not self.live and self.pages.free < self.width:
            self._drop_last()
        return bool(self._free) and self.pages.free >= len(self.live) + self.width

    def admit(self, waiting: deque[Live]) -> Started:
        """Rows that join: each distinct prompt goes through the model once, and their first tokens are picked."""
        joining: list[Live] = []
        fresh: dict[tuple[int, ...], Live] = {}  # by their prompts
        after = {} if self._last is None else {self._last[0]: self._last[1:]}
        left = self.piece
        promised = len(self.live)  # pages that those under way, and those who share a prompt, will take
        while waiting and self._free:
            one = waiting[0]
            prompt = self._prompt(one)
            known = prompt in fresh or prompt in after
            needed = 1 if known else len(prompt) // PAGE + 1
            if joining and (self.pages.free < needed + promised + 1 or (not known and len(prompt) > left)):
                break
            if known:
                promised += 1
            else:
                left -= len(prompt)
                one.pages = [self.pages.take() for _ in range(needed)]
                fresh[prompt] = one
            joining.append(waiting.popleft())
            one.place = heappop(self._free)
            self.live[one.place] = one
            promised += 1
        for prompt, logits in zip(fresh, self._read(fresh), strict=True):
            after[prompt] = fresh[prompt].pages, logits
        self._fork(joining, after)
        found = torch.stack([after[self._prompt(one)][1] for one in joining])
        self._keep_last(joining, waiting, after)
        return self._enter(joining, found)

    def _prompt(self, one: Live) -> tuple[int, ...]:
        """What has to be read before the next token: the prompt behind the prefix, and what an evicted row had made."""
        return (*one.row.tokens[self.skip :], *one.made.tokens)

    def _read(self, fresh: Mapping[tuple[int, ...], Live]) -> list[Tensor]:
        """Logits after prompts that nobody has read yet: all in one pass, or one long prompt in several."""
        if not fresh:
            return []
        pieces = [(one, 0, prompt) for prompt, one in fresh.items()]
        one, _, prompt = pieces[0]
        if len(pieces) > 1 or len(prompt) <= self.piece:
            return list(self._prefill(pieces, self.prefix))
        for start in range(0, len(prompt), self.piece):
            piece = prompt[start : start + self.piece]
            logits = self._prefill([(one, start, piece)], self._prefix_and(one, start))
        return list(logits)

    def _prefix_and(self, one: Live, start: int) -> Layers:
        """The shared prefix and the first ``start`` tokens of a row's own, as if it were a prefix of its own."""
        if not start:
            return self.prefix
        layers = []
        (pages,) = onto(self.device, np.array(one.pages))
        for number, held in sorted(self.pages.layers.items()):
            own = [kept[pages].transpose(0, 1).flatten(1, 2)[None, :, :start] for kept in held]
            if self.prefix:
                own = [torch.cat(pair, 2) for pair in zip(self.prefix[number].known(), own, strict=True)]
            layers.append(Kept(own[0], own[1], self.skip + start))
        return layers

    def _prefill(self, pieces: Sequence[tuple[Live, int, tuple[int, ...]]], prefix: Layers) -> Tensor:
        """Logits [pieces, vocab] after (row, start, tokens), in one pass."""
        counts = np.array([len(tokens) for _, _, tokens in pieces])
        ends = np.repeat(np.cumsum(counts), counts)
        own = np.concatenate([np.arange(start, start + len(tokens)) for _, start, tokens in pieces])
        pages = np.concatenate(
            [np.array(one.pages)[np.arange(start, start + len(tokens)) // PAGE] for one, start, tokens in pieces]
        )
        ids = np.concatenate([np.array(tokens) for _, _, tokens in pieces])
        sent = onto(self.device, ids, own + self.skip, np.cumsum(counts) - 1, pages, own % PAGE)
        tree = TreePass(own + self.skip, ends, prefix or None)
        self.computed += len(ids)
        with under_way(PagedPrefill(self.pages, tree, sent[3].long(), sent[4].long())):
            return self.reader.logits(*sent[:3])

    def _fork(self, joining: Sequence[Live], after: dict[tuple[int, ...], tuple[list[int], Tensor]]) -> None:
        """Rows whose prompt another has read share its full pages and copy the last."""
        sources, targets = [], []
        for one in joining:
            prompt = self._prompt(one)
            one.held = len(prompt)
            theirs = after[prompt][0]
            if one.pages is theirs:
                continue
            full = len(prompt) // PAGE
            self.pages.share(theirs[:full])
            one.pages = [*theirs[:full], self.pages.take()]
            sources.append(theirs[full])
            targets.append(one.pages[-1])
        self.pages.copy(sources, targets)

    def _keep_last(
        self, joining: Sequence[Live], waiting: deque[Live], after: dict[tuple[int, ...], tuple[list[int], Tensor]]
    ) -> None:
        """Hold on to the last prompt while more rows wait for it."""
        before, self._last = self._last, None
        prompt = self._prompt(joining[-1])
        if waiting and self._prompt(waiting[0]) == prompt and self.pages.free > len(self.live):
            pages, logits = after[prompt]
            mine = before[1] if before is not None and before[0] == prompt else self._copied(pages, len(prompt))
            self._last = (prompt, mine, logits)
        if before is not None and (self._last is None or self._last[1] is not before[1]):
            self.pages.give(before[1])

    def _drop_last(self) -> bool:
        """Give back the pages of the kept prompt; whether there was one."""
        if self._last is None:
            return False
        self.pages.give(self._last[1])
        self._last = None
        return True

    def _copied(self, pages: Sequence[int], held: int) -> list[int]:
        full = held // PAGE
        self.pages.share(pages[:full])
        last = self.pages.take()
        self.pages.copy([pages[full]], [last])
        return [*pages[:full], last]

    def _enter(self, joining: Sequence[Live], logits: Tensor) -> Started:
        """Put rows at their places on the device and pick their next tokens."""
        places, lengths = onto(
            self.device, *(np.array(x) for x in ([o.place for o in joining], [o.held for o in joining]))
        )
        at = places.long()
        wholes = np.array([[one.key, one.made.count] for one in joining], np.int64).T.copy()
        floats = np.array([[one.row.request.temperature, one.row.request.top_p] for one in joining]).T.copy()
        key, count = self._sent(wholes)
        temperature, top_p = self._sent(floats)
        draws = Draws(temperature, top_p, key, count, bool((floats[0] > 0).any()), bool((floats[1] < 1).any()))
        picked = pick_rows(logits, draws)
        news = (picked, lengths, torch.ones_like(lengths), key, count + 1, temperature, top_p)
        mine = (self.tokens, self.lengths, self.active, self.key, self.count, self.temperature, self.top_p)
        for state, new in zip(mine, news, strict=True):
            state.index_copy_(0, at, new)
        for one in joining:
            self._set_table(one)
        return list(enumerate(joining)), later(picked)

    def _sent(self, values: NDArray[Any]) -> Tensor:
        host = torch.from_numpy(values)
        return (host.pin_memory() if self.device.type == "cuda" else host).to(self.device, non_blocking=True)

    def _set_table(self, one: Live) -> None:
        self._table[one.place, : len(one.pages)] = one.pages
        self._dirty = True

    # --------------------------------------------------------------------------------------------------------- step
    def step(self, waiting: deque[Live]) -> Started:
        """Feed every row its last token and pick the next one."""
        self._compact(waiting)
        self._grow(waiting)
        if self._dirty:
            (flat,) = onto(self.device, self._table.ravel())
            self.table.copy_(flat[: self._table.size].view(self.table.shape))
            self._dirty = False
        rows = list(self.live.items())
        top = max(self.live) + 1
        count = min([size for size in BUCKETS if size >= top] or [self.rows], default=self.rows)
        count = min(count, self.rows)
        requests = [one.row.request for one in self.live.values()]
        how = (
            count,
            any(r.temperature > 0 for r in requests),
            any(r.temperature > 0 and r.top_p < 1 for r in requests),
        )
        if self._steps is None:
            self._advance(*how)
        else:
            self._steps.run(how, lambda: self._advance(*how), (self.tokens, self.lengths, self.count))
        self.computed += len(rows)
        for one in self.live.values():
            one.held += 1
        return rows, later(self.tokens[:count])

    def _advance(self, count: int, drawn: bool, nucleus: bool) -> None:
        """One token more for the first ``count`` places; whoever is not active stays where it is."""
        lengths, steps = self.lengths[:count], self.count[:count]
        work = PagedStep(self.pages, self.prefix or None, self.table[:count], lengths, self.skip)
        read = torch.arange(count, device=self.device)
        with under_way(work):
            logits = self.reader.logits(self.tokens[:count], lengths + self.skip, read)
        draws = Draws(self.temperature[:count], self.top_p[:count], self.key[:count], steps, drawn, nucleus)
        picked = pick_rows(logits, draws)
        self.tokens[:count].copy_(picked)
        lengths.add_(self.active[:count])
        steps.add_(self.active[:count])

    def _grow(self, waiting: deque[Live]) -> None:
        """A page more for each row whose next token begins one.

        Where there is none left, the kept prompt goes, and then the last row steps back: a row alone always has room.
        """
        for one in list(self.live.values()):
            if one.place in self.live and one.held // PAGE == len(one.pages):
                while not self.pages.free:
                    if not self._drop_last():
                        self._evict(self.live[max(self.live)], waiting)
                if one.place in self.live:
                    one.pages.append(self.pages.take())
                    self._set_table(one)

    def _evict(self, one: Live, waiting: deque[Live]) -> None:
        self._leave([one])
        waiting.appendleft(Live(one.row, one.key, one.made))
        one.made = Made(ended=True)

    def _compact(self, waiting: deque[Live]) -> None:
        """When half of the places are empty for good, the others move together, so that smaller steps serve."""
        top = max(self.live) + 1
        if waiting or len(self.live) * 2 > top or top <= BUCKETS[1]:
            return
        order = sorted(self.live)
        (index,) = onto(self.device, np.array(order))
        for state in (self.tokens, self.lengths, self.active, self.key, self.count, self.temperature, self.top_p):
            state[: len(order)] = state[index.long()]
            if state is self.active or state is self.lengths:
                state[len(order) :] = 0
        self.live = {place: self.live[old] for place, old in enumerate(order)}
        self._table[:] = 0
        for place, one in self.live.items():
            one.place = place
            self._set_table(one)
        self._free = list(range(len(order), self.rows))
        heapify(self._free)

    # ------------------------------------------------------------------------------------------------------- settle
    def settle(self, started: Started) -> list[tuple[Row, Generated]]:
        """Add the tokens that were picked to their rows; the finished ones leave."""
        rows, wait = started
        tokens = wait()[0]
        finished: list[tuple[Row, Generated]] = []
        gone = []
        for number, one in rows:
            if one.made.ended:
                continue
            answer = self.endings.grow(one.made, int(tokens[number]), one.row.request)
            if answer is not None:
                one.made.ended = True
                finished.append((one.row, answer))
                gone.append(one)
        self._leave(gone)
        return finished

    def _leave(self, gone: Sequence[Live]) -> None:
        """Their places and pages are free; what a pass still writes for them goes to page 0."""
        if not gone:
            return
        for one in gone:
            self.pages.give(one.pages)
            self._table[one.place] = 0
            del self.live[one.place]
            heappush(self._free, one.place)
        self._dirty = True
        (index,) = onto(self.device, np.array([one.place for one in gone]))
        for state in (self.lengths, self.active):
            state.index_fill_(0, index.long(), 0)


class Captured:
    """Steps as CUDA graphs: launched by the host in one call, with their tensors where they were when captured."""

    def __init__(self) -> None:
        self.graphs: dict[tuple[int, bool, bool], Any] = {}
        self.pool: Any = None
        self.refused = False

    def run(self, how: tuple[int, bool, bool], step: Callable[[], None], changed: Sequence[Tensor]) -> None:
        """Run ``step``, captured the first time; ``changed``: what it changes in place, other than keys and values.

        Some models cannot be captured, such as those that ask the device which experts have any tokens: they step.
        """
        if self.refused:
            step()
            return
        if how not in self.graphs:
            before = [one.clone() for one in changed]
            step()  # compiles kernels, which a capture cannot
            try:
                graph = self._capture(step)
            except RuntimeError as error:
                if out_of_memory(error):
                    raise
                self.refused = True
                return
            for one, old in zip(changed, before, strict=True):
                one.copy_(old)
            self.graphs[how] = graph
        self.graphs[how].replay()

    def _capture(self, step: Callable[[], None]) -> Any:
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            step()
        self.pool = self.pool or graph.pool()
        return graph


def probe(generator: PagedGenerator, ids: list[int]) -> Tensor:
    """Logits [2, vocab] after two sequences made of 24 ``ids``: a shared prefix, pieces that go on, and a step."""
    with attending(generator.reader.model), fused(generator.fast):
        prefix = generator._prefix_of(tuple(ids[:8]))
        batch = Batch(generator, prefix, 8, 2, 1, 4)
        rows = [Live(Row((i,), (), Generate("", 1)), 0, Made(), i, [batch.pages.take()]) for i in range(2)]
        batch._prefill([(rows[0], 0, tuple(ids[8:13])), (rows[1], 0, tuple(ids[13:18]))], prefix)
        batch._prefill([(rows[1], 5, tuple(ids[18:21]))], batch._prefix_and(rows[1], 5))
        table, lengths, tokens, read = onto(
            generator.device, *(np.array(x) for x in ([one.pages[0] for one in rows], [5, 8], ids[21:23], [0, 1]))
        )
        with under_way(PagedStep(batch.pages, prefix, table[:, None], lengths, 8)):
            logits = generator.reader.logits(tokens, lengths + 8, read)
    generator.forget()
    generator.computed = 0
    return logits
