"""All the spans of a run as one tree of tokens, cut into forward passes before the first is computed.

The distinct token sequences that the model has to read are sorted; what a sequence shares with its predecessor (its
``lcp``) is the tree. A pass ("step") computes the tokens of some consecutive sequences, each token once, in the
order of a depth-first walk. Blocks that many sequences share become steps of their own, whose keys and values stay.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from harness.engine.causal.encode import Span
from harness.engine.special import Tokens

Ints = NDArray[np.int64]
BLOCK = 128
"""Tokens of two sequences that are compared at once, to begin with."""
SHORTEST = 32
"""Shorter shared blocks are computed again in every pass: a pass of few rows costs more than it saves."""
SAVED = 64
"""Rows that keeping a block must save."""


@dataclass(frozen=True, slots=True)
class Step:
    """One forward pass: tokens from depth ``base`` on of the sequences ``members``, up to ``end`` where that is set.

    ``parent``: the step whose kept keys and values (with those of its own parents) are the first ``base`` tokens of
    every member; -1 if base is 0. ``room``: later steps continue this one, a single chain of tokens; it is the end of
    the block that it belongs to. 0 for a step that nobody continues.
    """

    members: tuple[int, ...]
    base: int = 0
    parent: int = -1
    room: int = 0
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Sequences in sorted order, the steps that compute them, and the spans that read them.

    ``sequences[i]``: tokens read; ``lcp[i]``: how many of them are those of sequence i - 1; ``readers[i]``: the spans
    (their numbers) whose tokens but the last are sequence i; ``steps_of[s]``: the steps that answer span s.
    """

    spans: Sequence[Span]
    sequences: Sequence[Tokens]
    lcp: Ints
    readers: Sequence[tuple[int, ...]]
    steps: Sequence[Step]
    steps_of: Sequence[tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Read:
    """``rows`` of a step predict the tokens of ``span`` from number ``offset`` on (0 = the first that is asked)."""

    span: int
    offset: int
    rows: Ints


@dataclass(frozen=True, slots=True)
class Rows:
    """A step laid out: ``tokens`` and their ``depths`` in the tree, depth first, and who reads what.

    ``ends``: for every row the first later one that is not below it, so that c is an ancestor of r (or r itself)
    exactly if ``c <= r < ends[c]``.
    """

    tokens: Tokens
    depths: Ints
    ends: Ints
    reads: tuple[Read, ...]

    def parents(self) -> Ints:
        """For every row the one that its token follows, -1 for those that begin."""
        found = np.full(len(self.depths), -1, np.int64)
        latest = np.full(int(self.depths.max()) + 2, -1, np.int64)  # row of the current token one level up
        for row, depth in enumerate(self.depths.tolist()):
            found[row], latest[depth + 1] = latest[depth], row
        return found


@dataclass(frozen=True, slots=True)
class Index:
    """The distinct sequences of all spans, sorted; see Plan."""

    sequences: Sequence[Tokens]
    lcp: Ints
    readers: Sequence[tuple[int, ...]]


def plan(spans: Sequence[Span], budget: int) -> Plan:
    """Lay out passes of at most ``budget`` rows that compute every distinct token of ``spans`` (nearly) once."""
    index = indexed(spans)
    steps = _Planner(index.sequences, index.lcp, budget).steps() if index.sequences else []
    return planned(spans, index, steps)


def plan_padded(spans: Sequence[Span], budget: int, apart: int | None = None) -> Plan:
    """Batches of whole sequences, see ``padded``."""
    index = indexed(spans)
    return planned(spans, index, padded(index, range(len(index.sequences)), budget, apart))


def padded(index: Index, members: Sequence[int], budget: int, apart: int | None = None) -> list[Step]:
    """Batches of whole sequences, the longest first, whose number times longest length is at most ``budget``.

    Sequences of more than ``apart`` tokens share a batch only with those of their own length, and come last, the
    shortest first.
    """
    lengths = {i: len(index.sequences[i]) for i in members}
    far = {i for i in members if apart is not None and lengths[i] > apart}
    steps: list[list[int]] = []
    for i in sorted(members, key=lambda i: (i in far, lengths[i] if i in far else -lengths[i], i)):
        first = steps[-1][0] if steps else None
        fits = first is not None and (len(steps[-1]) + 1) * lengths[first] <= budget
        if not fits or (i in far and lengths[i] != lengths[first]):  # type: ignore[index]
            steps.append([])
        steps[-1].append(i)
    return [Step(tuple(members)) for members in steps]


def indexed(spans: Sequence[Span]) -> Index:
    """What the spans have to read, and what it shares."""
    sequences, readers = _sorted(spans)
    return Index(sequences, _shared(sequences), readers)


def planned(spans: Sequence[Span], index: Index, steps: Sequence[Step]) -> Plan:
    """The plan of ``steps`` over the sequences of ``index``."""
    found = _steps_of(spans, index.sequences, index.readers, steps)
    return Plan(spans, index.sequences, index.lcp, index.readers, steps, found)


def _sorted(spans: Sequence[Span]) -> tuple[list[Tokens], list[tuple[int, ...]]]:
    """Distinct sequences in lexicographic order and who reads each."""
    tokens = [span.tokens[:-1] for span in spans]
    readers = [tuple(equal) for equal in _ordered(tokens, range(len(tokens)))]
    return [tokens[equal[0]] for equal in readers], readers


def _ordered(tokens: Sequence[Tokens], members: Sequence[int], start: int = 0) -> Iterator[list[int]]:
    """Members with equal tokens together, in lexicographic order.

    They are compared a block at a time, as big-endian bytes, which compare as the tokens do: a copy of all tokens would
    be as large as the requests. Blocks grow, so that the longest texts take few of them.
    """
    width = max(BLOCK, start)
    keys = {member: tokens[member][start : start + width].astype(">u4").tobytes() for member in members}
    for key, group in groupby(sorted(members, key=keys.__getitem__), keys.__getitem__):
        alike = list(group)
        if len(alike) == 1 or len(key) < 4 * width:
            yield alike
        else:
            yield from _ordered(tokens, alike, start + width)


def _shared(sequences: Sequence[Tokens]) -> Ints:
    """How many leading tokens each sequence has in common with the one before it."""
    shared = np.zeros(len(sequences), np.int64)
    for index in range(1, len(sequences)):
        before, after = sequences[index - 1], sequences[index]
        length = min(len(before), len(after))
        different = before[:length] != after[:length]
        first = int(different.argmax()) if length else 0
        shared[index] = first if length and different[first] else length
    return shared


def _steps_of(
    spans: Sequence[Span], sequences: Sequence[Tokens], readers: Sequence[tuple[int, ...]], steps: Sequence[Step]
) -> list[tuple[int, ...]]:
    """For every span the steps that hold a row it reads."""
    found: list[tuple[int, ...]] = [()] * len(spans)
    for number, step in enumerate(steps):
        for member in step.members:
            for span in readers[member]:
                if spans[span].start - 1 < (len(sequences[member]) if step.end is None else step.end):
                    found[span] += (number,)
    return found


class _Planner:
    """Walks the tree from its root and cuts it into steps."""

    def __init__(self, sequences: Sequence[Tokens], lcp: Ints, budget: int) -> None:
        self.lcp, self.budget = lcp, budget
        self.lengths = np.array([len(sequence) for sequence in sequences], np.int64)
        self.sums = np.concatenate(([0], np.cumsum(self.lengths - lcp)))  # new tokens before sequence i
        self.made: list[Step] = []

    def steps(self) -> list[Step]:
        """Depth first: a kept block, all that continues it, then the next block, so that few are kept at once."""
        todo = [(0, len(self.lengths), 0, 0, -1)]
        while todo:
            low, high, base, depth, parent = todo.pop()
            if depth > base:
                parent = self._keep(low, high, base, depth, parent)
            loose, kept = self._split(low, high, depth)
            self._pack(loose, depth, parent)
            kept.sort(key=lambda group: -self._rows(group[0], group[1], depth))  # passes may run side by side
            todo.extend((first, last, depth, deeper, parent) for first, last, deeper in reversed(kept))
        return self.made

    def _rows(self, low: int, high: int, base: int) -> int:
        """Distinct tokens of sequences low..high beyond depth ``base``."""
        return int(self.lengths[low] - base + self.sums[high] - self.sums[low + 1])

    def _split(self, low: int, high: int, base: int) -> tuple[list[int], list[tuple[int, int, int]]]:
        """Which sequences to pack as they are, and which groups (low, high, depth) to give a kept block first."""
        loose: list[int] = []
        kept: list[tuple[int, int, int]] = []
        stack = [(low, high)]
        while stack:
            low, high = stack.pop()
            if self._rows(low, high, base) <= self.budget:
                loose.extend(range(low, high))
                continue
            common = self._common(low, high, base)
            if self._worth(low, high, base, common):
                kept.append((low, high, common))
                continue
            cuts = (np.flatnonzero(self.lcp[low + 1 : high] == common) + low + 1).tolist()
            stack.extend(reversed(list(zip([low, *cuts], [*cuts, high], strict=True))))
        return loose, kept

    def _common(self, low: int, high: int, base: int) -> int:
        """Tokens that all have in common; of a single long sequence all but its last pass."""
        if high - low > 1:
            return int(self.lcp[low + 1 : high].min())
        total = int(self.lengths[low]) - base
        return int(self.lengths[low]) - -(-total // -(-total // self.budget))

    def _worth(self, low: int, high: int, base: int, common: int) -> bool:
        if high - low == 1:
            return True
        passes = -(-self._rows(low, high, base) // self.budget)
        return common - base >= SHORTEST and (common - base) * (passes - 1) >= SAVED

    def _keep(self, low: int, high: int, base: int, depth: int, parent: int) -> int:
        """Steps for tokens base..depth of the group, of equal size and at most the budget; the last one's number."""
        count = -(-(depth - base) // self.budget)
        bounds = np.linspace(base, depth, count + 1).astype(int).tolist()
        for start, end in pairwise(bounds):
            self.made.append(Step(tuple(range(low, high)), start, parent, room=depth, end=end))
            parent = len(self.made) - 1
        return parent

    def _pack(self, loose: list[int], base: int, parent: int) -> None:
        """Cut sequences, in order, into passes of about equal size, where the least is computed twice."""
        if not loose:
            return
        joints = [base, *(int(self.lcp[a + 1 : b + 1].min()) for a, b in pairwise(loose))]
        lcp, lengths = np.array(joints), self.lengths[loose]
        sums = np.concatenate(([0], np.cumsum(lengths - lcp)))
        at, count, passes = 0, len(loose), 0
        while at < count:
            again = int(lcp[at]) - base  # rows that the pass before has computed already
            left = int(sums[count] - sums[at]) + again
            if not left:
                break  # sequences that end where the kept block does: all that they read is in it
            least = -(-left // self.budget)
            passes = max(least, passes - 1) if at else least + (least > 1 and least % 2)  # even: for two at once
            size = -(-left // passes)
            fits = int(np.searchsorted(sums, sums[at] + size - again, side="right")) - 1
            if fits < count:
                most = int(np.searchsorted(sums, sums[at] + self.budget - again, side="right")) - 1
                must = left - (passes - 1) * self.budget  # for the others to fit
                fits = self._cut(lcp, sums, at, max(most, at + 1), (size - again, max(0.8 * size, must) - again))
            self.made.append(Step(tuple(loose[at:fits]), base, parent))
            at = fits

    @staticmethod
    def _cut(lcp: Ints, sums: Ints, at: int, most: int, sizes: tuple[int, float]) -> int:
        """The joint with the shortest shared prefix; ``sizes``: rows wanted before it, and the least of them."""
        size, lowest = sizes
        least = max(at + 1, int(np.searchsorted(sums, sums[at] + lowest)))
        if least >= most:
            return most
        joints = lcp[least : most + 1] if most < len(lcp) else lcp[least:most]
        best = np.flatnonzero(joints == joints.min()) + least
        return int(best[np.abs(sums[best] - sums[at] - size).argmin()])


# ------------------------------------------------------------------------------------------------------------- layout
def lay_out(plan: Plan, step: Step) -> Rows:
    """The rows of a step and who reads them."""
    if step.room:
        return _lay_out_chain(plan, step)
    tokens: list[Tokens] = []
    depths: list[Ints] = []
    reads: list[Read] = []
    path = np.zeros(max(len(plan.sequences[m]) for m in step.members), np.int64)  # row of the current token per depth
    ends = np.zeros(sum(len(plan.sequences[m]) - step.base for m in step.members), np.int64)  # more than there will be
    count, depth, before = 0, step.base, None
    for member in step.members:
        sequence = plan.sequences[member]
        shared = step.base if before is None else int(plan.lcp[before + 1 : member + 1].min())
        new = len(sequence) - shared
        ends[path[shared:depth]] = count  # a branch ends what is open below it
        depth = len(sequence)
        path[shared : shared + new] = np.arange(count, count + new)
        tokens.append(sequence[shared:])
        depths.append(np.arange(shared, len(sequence)))
        count += new
        before = member
        reads.extend(read_of(plan, member, step.base, len(sequence), path))
    ends[path[step.base : depth]] = count
    return Rows(np.concatenate(tokens), np.concatenate(depths), ends[:count], tuple(reads))


def _lay_out_chain(plan: Plan, step: Step) -> Rows:
    assert step.end is not None
    path = np.arange(-step.base, step.end - step.base)
    reads = [read for member in step.members for read in read_of(plan, member, step.base, step.end, path)]
    tokens = plan.sequences[step.members[0]][step.base : step.end]
    ends = np.full(len(tokens), len(tokens), np.int64)
    return Rows(tokens, np.arange(step.base, step.end), ends, tuple(reads))


def read_of(plan: Plan, member: int, base: int, end: int, path: Ints) -> Iterator[Read]:
    """What is read of tokens base..end of a sequence, whose token at depth d is row ``path[d]``."""
    for span in plan.readers[member]:
        first = plan.spans[span].start - 1
        low = max(first, base)
        if low < end:
            yield Read(span, low - first, path[low:end].copy())
