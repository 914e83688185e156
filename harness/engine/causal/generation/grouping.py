"""Layout of work before it is computed: prompts that begin alike go together, and so do lengths that are alike."""

import sys
from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from harness.engine.causal.generation.ending import Draft
from harness.engine.sampling import stream
from harness.types import Generate, Generated

SHARD = 64
"""Rows of a shard on a CPU: what is lost at most when a run is killed, and whom continuous batching draws on."""
DIVIDED = 16
"""Rows above which there are two shards, so that a second worker has something to do."""
WORTH = 256
"""Tokens that sharing has to save before a group of prompts gets a prefix of its own."""
STEP = 64
"""Tokens of prompts that are read while a step reads all weights: about 40 on two cores, more than 100 on a GPU."""
ANSWER = 256
"""Tokens of an answer that are counted on at most: many end long before their ``max_tokens``."""

Gain = Callable[[int, int, int], float]
"""What a group (first row, last row + 1, tokens shared) saves, less what it costs, in tokens of prompts."""


@dataclass(frozen=True, slots=True)
class Batching:
    """What shards depend on beside the requests; it follows from the model and the kind of device.

    ``rows``: answers under way at once. ``key``: the bytes of a token's keys and values as a share of those of all
    weights. ``size``: rows of a shard, by default ``shard_size``. ``room``: tokens of all rows under way whose keys and
    values are kept at most.
    """

    rows: int
    key: float
    size: int | None = None
    room: int = sys.maxsize


@dataclass(frozen=True, slots=True)
class Pending:
    """One answer to make, and the positions of the questions (all equal) that it answers."""

    positions: tuple[int, ...]
    tokens: tuple[int, ...]
    request: Generate


@dataclass(frozen=True, slots=True)
class PromptShard:
    """Rows that are answered together; all begin with ``prefix`` tokens, which are computed once."""

    prefix: tuple[int, ...]
    rows: tuple[Pending, ...]

    @property
    def positions(self) -> tuple[int, ...]:
        """The questions that it answers."""
        return tuple(position for row in self.rows for position in row.positions)


@dataclass(slots=True, eq=False)
class Live:
    """An answer under way: its row, the key of its draws, and what it has made so far."""

    row: Pending
    key: int
    draft: Draft = field(default_factory=Draft)

    def prompt(self, prefix_len: int) -> tuple[int, ...]:
        """What has to be read before the next token: the prompt, and what a row that stepped back had made."""
        return (*self.row.tokens[prefix_len:], *self.draft.tokens)


def waiting_rows(shard: PromptShard) -> tuple[list[tuple[Pending, Generated]], list[Live]]:
    """The answers of rows that ask for no token at all, and the other rows as they begin."""
    empty = [(row, Generated("", 0, "length")) for row in shard.rows if row.request.max_tokens <= 0]
    return empty, [Live(row, stream(row.request, row.tokens)) for row in shard.rows if row.request.max_tokens > 0]


def plan(asked: Sequence[tuple[int, tuple[int, ...], Generate]], batching: Batching) -> list[PromptShard]:
    """Shards for (position, prompt tokens, request), about equally large in a group. Equal requests become one row."""
    rows = sorted(merged(asked), key=lambda row: row.tokens)
    size = batching.size or shard_size(len(rows))
    shards = []
    for prefix, members in grouped(rows, batching):
        ordered = sorted((rows[i] for i in members), key=lambda row: (-len(row.tokens), row.tokens, row.positions))
        shards += [PromptShard(prefix, tuple(part)) for part in even_parts(ordered, -(-len(ordered) // size))]
    return shards


def shard_size(rows: int) -> int:
    """Rows of a shard where ``rows`` are to be divided: two shards or more, four where each still has half of the most.

    The number of workers has no part in it, since an answer's neighbours may decide its last digit.
    """
    parts = 4 if rows >= 2 * SHARD else 2 if rows > DIVIDED else 1
    return min(SHARD, -(-rows // parts))


def even_parts(rows: Sequence[Pending], count: int) -> list[Sequence[Pending]]:
    """At most ``count`` parts of about equally many rows. A border moves by less than half a part to where another
    prompt begins: rows with one prompt, which is read once for all of them, stay together.
    """
    prompts = [i for i in range(1, len(rows)) if rows[i - 1].tokens != rows[i].tokens]
    starts = [0]
    for number in range(1, count):
        border = len(rows) * number // count
        behind = bisect(prompts, border)
        near = min(prompts[max(0, behind - 1) : behind + 1], key=lambda one: abs(one - border), default=border)
        starts.append(near if 2 * count * abs(near - border) < len(rows) else border)
    whole = dict.fromkeys([*starts, len(rows)])  # two borders that met at one prompt are one
    return [rows[start:end] for start, end in pairwise(whole)]


def merged(asked: Sequence[tuple[int, tuple[int, ...], Generate]]) -> list[Pending]:
    """One row for all requests that cannot have different answers."""
    same: dict[tuple[object, ...], list[int]] = {}
    first: dict[tuple[object, ...], tuple[tuple[int, ...], Generate]] = {}
    for position, tokens, request in asked:
        draw = (request.temperature, request.top_p, request.seed) if request.temperature > 0 else ()
        key = (tokens, request.max_tokens, request.stop, draw)
        same.setdefault(key, []).append(position)
        first.setdefault(key, (tokens, request))
    return [Pending(tuple(positions), *first[key]) for key, positions in same.items()]


def grouped(rows: Sequence[Pending], batching: Batching) -> list[tuple[tuple[int, ...], list[int]]]:
    """Rows, sorted by prompt, in groups (shared prefix, members); what shares too little is one last group without one.

    The tree of common prefixes is folded from its leaves: a node is one group where that gains more than the best
    groups of its children, see ``gain_of``.
    """
    done: list[tuple[tuple[int, ...], list[int]]] = []
    rest: list[int] = []
    shared_ = [common(a.tokens, b.tokens) for a, b in pairwise(rows)]
    for start, stop in best_cuts([len(row.tokens) for row in rows], shared_, gain_of(rows, batching)):
        members = list(range(start, stop))
        if len(members) == 1:
            rest += members
            continue
        shared = min(len(row.tokens) for row in rows[start:stop]) - 1  # the last token's logits are always needed
        done.append((rows[start].tokens[: min(shared, *shared_[start : stop - 1])], members))
    return [*done, ((), rest)] if rest else done


def gain_of(rows: Sequence[Pending], batching: Batching) -> Gain:
    """What groups of rows, sorted by prompt, gain over rows that take their steps with all others.

    A group reads what it shares once and not for each of its prompts (equal ones are read once anyway), and at every
    step once and not for each of its rows. But where it has fewer rows than go together it reads the weights more
    often: its steps are its own.
    """
    most = min(batching.rows, batching.size or shard_size(len(rows)), len(rows))
    prompts = [0, *accumulate((a.tokens != b.tokens for a, b in pairwise(rows)), initial=1)]
    steps = [0, *accumulate(min(ANSWER, row.request.max_tokens) for row in rows)]

    def gain(start: int, stop: int, shared: int) -> float:
        count = stop - start
        if count == 1:
            return 0.0
        length = (steps[stop] - steps[start]) / count
        full = max(1, min(most, batching.room // max(1, shared + round(length))))  # rows that keep all by themselves
        keys = (count - 1) * shared * batching.key
        weights = max(0.0, 1 - count / full)
        spared = (prompts[stop] - prompts[start + 1]) * shared - WORTH
        return spared + STEP * length * (keys - weights)

    return gain


@dataclass(slots=True)
class Node:
    """Prompts [start, stop) that share ``depth`` tokens; ``cuts`` starts the best groups of its children."""

    depth: int
    start: int
    stop: int
    gained: float
    cuts: list[int]

    def closed(self, gain: Gain) -> "Node":
        """As one group if that gains more."""
        whole = gain(self.start, self.stop, self.depth)
        return Node(self.depth, self.start, self.stop, whole, [self.start]) if whole >= self.gained else self

    def extended(self, other: "Node") -> "Node":
        """With the neighbour on the right as a further child."""
        self.cuts.extend(other.cuts)
        self.stop, self.gained = other.stop, self.gained + other.gained
        return self


def best_cuts(lengths: Sequence[int], shared: Sequence[int], gain: Gain) -> list[tuple[int, int]]:
    """Ranges of sorted prompts that are best computed behind one prefix each.

    ``lengths`` of the prompts, and how many tokens each has in common with the next.
    """
    stack: list[Node] = []
    for i, length in enumerate(lengths):
        node = Node(length, i, i + 1, gain(i, i + 1, length), [i])
        depth = shared[i] if i + 1 < len(lengths) else -1
        while stack and stack[-1].depth >= max(depth, 0):
            node = stack.pop().extended(node.closed(gain))
        node = node.closed(gain)
        stack.append(Node(max(depth, 0), node.start, node.stop, node.gained, node.cuts))
    starts = stack[0].cuts if stack else []
    return list(pairwise([*starts, len(lengths)]))


def common(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """How many tokens two prompts begin with alike."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
