"""Layout of work before it is computed: prompts that begin alike go together, and so do lengths that are alike."""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from harness.engine.causal.generation.ending import Draft
from harness.engine.sampling import stream
from harness.types import Generate, Generated

SHARD = 64
"""Rows of a shard: what is lost at most when a run is killed, and the neighbours that continuous batching draws on."""
DIVIDED = 16
"""Rows above which there are two shards, so that a second worker has something to do."""
WORTH = 256
"""Tokens that sharing has to save before a group of prompts gets a prefix of its own."""


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


def plan(asked: Sequence[tuple[int, tuple[int, ...], Generate]], size: int | None = None) -> list[PromptShard]:
    """Shards for (position, prompt tokens, request), from these alone. Equal requests become one row.

    ``size``: rows of a shard, by default ``shard_size``; those of a group are equally large.
    """
    rows = sorted(merged(asked), key=lambda row: row.tokens)
    size = size or shard_size(len(rows))
    groups = grouped([row.tokens for row in rows])
    shards = []
    for prefix, members in groups:
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


def grouped(prompts: Sequence[tuple[int, ...]]) -> list[tuple[tuple[int, ...], list[int]]]:
    """Sorted prompts in groups (shared prefix, members); what shares too little is one last group without a prefix.

    A group of m prompts that share L tokens saves (m - 1) L of them and costs ``WORTH``. The tree of common prefixes
    is folded from its leaves: a node is one group where that saves more than the best groups of its children.
    """
    done: list[tuple[tuple[int, ...], list[int]]] = []
    rest: list[int] = []
    shared_ = [common(a, b) for a, b in pairwise(prompts)]
    for start, stop in best_cuts([len(prompt) for prompt in prompts], shared_):
        members = list(range(start, stop))
        shared = common(prompts[start], prompts[stop - 1])
        shared = min(shared, min(len(prompts[i]) for i in members) - 1)  # the last token's logits are always needed
        if (len(members) - 1) * shared < WORTH:
            rest += members
        else:
            done.append((prompts[start][:shared], members))
    return [*done, ((), rest)] if rest else done


@dataclass(slots=True)
class Node:
    """Prompts [start, stop) that share ``depth`` tokens; ``cuts`` starts the best groups of its children."""

    depth: int
    start: int
    stop: int
    saved: int
    cuts: list[int]

    def closed(self, worth: int) -> "Node":
        """As one group if that saves more."""
        whole = (self.stop - self.start - 1) * self.depth - worth
        return Node(self.depth, self.start, self.stop, whole, [self.start]) if whole >= self.saved else self

    def extended(self, other: "Node") -> "Node":
        """With the neighbour on the right as a further child."""
        self.cuts.extend(other.cuts)
        self.stop, self.saved = other.stop, self.saved + other.saved
        return self


def best_cuts(lengths: Sequence[int], shared: Sequence[int], worth: int = WORTH) -> list[tuple[int, int]]:
    """Ranges of sorted prompts that are best computed behind one prefix each.

    ``lengths`` of the prompts, and how many tokens each has in common with the next; a group costs ``worth`` tokens.
    """
    stack: list[Node] = []
    for i, length in enumerate(lengths):
        node = Node(length, i, i + 1, -worth, [i])
        depth = shared[i] if i + 1 < len(lengths) else -1
        while stack and stack[-1].depth >= max(depth, 0):
            node = stack.pop().extended(node.closed(worth))
        node = node.closed(worth)
        stack.append(Node(max(depth, 0), node.start, node.stop, node.saved, node.cuts))
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
