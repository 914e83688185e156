"""Cuts the tree of a run's tokens into forward passes, before the first of them is computed.

Blocks that many sequences share become steps of their own, whose keys and values stay for the steps that continue
them; what remains is packed into passes of about equal size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from harness.engine.causal.encode import Span
from harness.engine.causal.scoring.plan import Ints, Plan, Step, indexed, planned
from harness.engine.special import Tokens

SHORTEST = 32
"""Shorter shared blocks are computed again in every pass: a pass of few rows costs more than it saves."""
SAVED = 64
"""Rows that keeping a block must save."""
EVEN = 0.8
"""Share of its fair size that a pass has at least, where it may end earlier to share less with the next."""


def plan(spans: Sequence[Span], budget_rows: int) -> Plan:
    """Lay out passes of at most ``budget_rows`` rows that compute every distinct token of ``spans`` (nearly) once."""
    index = indexed(spans)
    steps = _Planner(index.sequences, index.lcp, budget_rows).steps() if index.sequences else []
    return planned(spans, index, steps)


class _Planner:
    """Walks the tree from its root and cuts it into steps of at most ``budget_rows`` rows."""

    def __init__(self, sequences: Sequence[Tokens], lcp: Ints, budget_rows: int) -> None:
        self.lcp, self.budget_rows = lcp, budget_rows
        self.lengths = np.array([len(sequence) for sequence in sequences], np.int64)
        self.sums = np.concatenate(([0], np.cumsum(self.lengths - lcp)))  # new tokens before sequence i
        self._steps: list[Step] = []

    def steps(self) -> list[Step]:
        """Depth first: a kept block, all that continues it, then the next block, so that few are kept at once."""
        todo = [(0, len(self.lengths), 0, 0, -1)]
        while todo:
            low, high, base, prefix_len, parent = todo.pop()
            if prefix_len > base:
                parent = self._keep(low, high, base, prefix_len, parent)
            loose, groups = self._split(low, high, prefix_len)
            for members in _cuts(self._joints(loose, prefix_len), self.lengths[loose], self.budget_rows):
                self._steps.append(Step(tuple(loose[members.start : members.stop]), prefix_len, parent))
            groups.sort(key=lambda group: -self._rows(group[0], group[1], prefix_len))  # passes may run side by side
            todo.extend((first, last, prefix_len, deeper, parent) for first, last, deeper in reversed(groups))
        return self._steps

    def _rows(self, low: int, high: int, prefix_len: int) -> int:
        """Distinct tokens of sequences low..high beyond the first ``prefix_len``."""
        return int(self.lengths[low] - prefix_len + self.sums[high] - self.sums[low + 1])

    def _split(self, low: int, high: int, prefix_len: int) -> tuple[list[int], list[tuple[int, int, int]]]:
        """Which sequences to pack as they are, and which groups (low, high, depth) to give a kept block first.

        From the whole range down: what fits into one pass is loose, a range that shares enough is a group, and any
        other range is split where its sequences part.
        """
        loose: list[int] = []
        groups: list[tuple[int, int, int]] = []
        stack = [(low, high)]
        while stack:
            low, high = stack.pop()
            if self._rows(low, high, prefix_len) <= self.budget_rows:
                loose.extend(range(low, high))
                continue
            common = self._common(low, high, prefix_len)
            if self._worth(low, high, prefix_len, common):
                groups.append((low, high, common))
                continue
            parts = (np.flatnonzero(self.lcp[low + 1 : high] == common) + low + 1).tolist()
            stack.extend(reversed(list(zip([low, *parts], [*parts, high], strict=True))))
        return loose, groups

    def _common(self, low: int, high: int, prefix_len: int) -> int:
        """Tokens that all have in common; of a single long sequence all but its last pass."""
        if high - low > 1:
            return int(self.lcp[low + 1 : high].min())
        total = int(self.lengths[low]) - prefix_len
        return int(self.lengths[low]) - -(-total // -(-total // self.budget_rows))

    def _worth(self, low: int, high: int, prefix_len: int, common: int) -> bool:
        """Does a block of the tokens ``prefix_len``..``common`` save more than a pass of its own costs?"""
        if high - low == 1:
            return True
        passes = -(-self._rows(low, high, prefix_len) // self.budget_rows)
        return common - prefix_len >= SHORTEST and (common - prefix_len) * (passes - 1) >= SAVED

    def _keep(self, low: int, high: int, base: int, prefix_len: int, parent: int) -> int:
        """Steps for tokens base..prefix_len of the group, of equal size within the budget; the last one's number."""
        count = -(-(prefix_len - base) // self.budget_rows)
        bounds = np.linspace(base, prefix_len, count + 1).astype(int).tolist()
        for start, end in pairwise(bounds):
            self._steps.append(Step(tuple(range(low, high)), start, parent, room=prefix_len, end=end))
            parent = len(self._steps) - 1
        return parent

    def _joints(self, loose: Sequence[int], prefix_len: int) -> Ints:
        """How many tokens each loose sequence shares with the loose one before it; the first with the kept block."""
        shared = [int(self.lcp[a + 1 : b + 1].min()) for a, b in pairwise(loose)]
        return np.array([prefix_len, *shared][: len(loose)], np.int64)


@dataclass(frozen=True, slots=True)
class _Joints:
    """Where sequences that go in order can be parted into passes, behind a kept block that all of them continue.

    ``shared[i]``: tokens that sequence i has in common with the one before it. ``rows[i]``: rows of the sequences
    before i, each distinct token once. ``prefix_len``: tokens of the kept block.
    """

    shared: Ints
    rows: Ints
    prefix_len: int

    def again(self, start: int) -> int:
        """Rows that a pass from sequence ``start`` on computes although the pass before it did."""
        return int(self.shared[start]) - self.prefix_len

    def size(self, start: int, stop: int) -> int:
        """Rows of a pass over the sequences start..stop."""
        return int(self.rows[stop] - self.rows[start]) + self.again(start)

    def within(self, start: int, size: float) -> int:
        """The last sequence that a pass from ``start`` on can stop before with at most ``size`` rows."""
        return int(np.searchsorted(self.rows, self.rows[start] + size - self.again(start), side="right")) - 1

    def beyond(self, start: int, size: float) -> int:
        """The first sequence that such a pass can stop before with at least ``size`` rows."""
        return int(np.searchsorted(self.rows, self.rows[start] + size - self.again(start)))


def _cuts(shared: Ints, lengths: Ints, budget_rows: int) -> list[range]:
    """Cut sequences, in order, into passes of about equal size, where the least is computed twice.

    A pass can only begin at a joint, where a sequence leaves the one before it, and what the two have in common beyond
    the kept block is computed again there. Take four sequences of 6 tokens, no kept block and a budget of 10 rows::

        sequence        0   1   2   3
        shared          0   4   1   4     tokens that it has in common with the one before
        new rows        6   2   5   2     15 in all, so two passes of about 8

    A cut before sequence 1 or 3 would compute 4 rows again, one before sequence 2 only 1: the passes are (0, 1), with
    6 + 2 rows, and (2, 3), with 1 + 5 + 2.
    """
    count = len(lengths)
    joints = _Joints(shared, np.concatenate(([0], np.cumsum(lengths - shared))), int(shared[0]) if count else 0)
    cuts: list[range] = []
    start = passes = 0
    while start < count:
        left = joints.size(start, count)
        if not left:
            break  # sequences that end where the kept block does: all that they read is in it
        least = -(-left // budget_rows)
        # An even number of passes to begin with, since two may run side by side; later one less each time.
        passes = max(least, passes - 1) if start else least + (least > 1 and least % 2)
        stop = _stop(joints, start, left, passes, budget_rows)
        cuts.append(range(start, stop))
        start = stop
    return cuts


def _stop(joints: _Joints, start: int, left: int, passes: int, budget_rows: int) -> int:
    """Where a pass from ``start`` on ends, if ``left`` rows are to go into ``passes`` passes.

    At its fair share of rows, or up to a fifth earlier, or later within the budget, if there the next pass shares less:
    in the example above a fair share is 8 rows, and of the joints after 7 to 10 rows the one before sequence 2 is best.
    """
    count = len(joints.shared)
    size = -(-left // passes)
    if joints.within(start, size) >= count:
        return count
    most = max(joints.within(start, budget_rows), start + 1)
    others = (passes - 1) * budget_rows  # rows that the passes after this one can take
    least = max(start + 1, joints.beyond(start, max(EVEN * size, left - others)))
    if least >= most:
        return most
    shared = joints.shared[least : most + 1]  # without a joint behind the last sequence
    best = np.flatnonzero(shared == shared.min()) + least
    sizes = joints.rows[best] - joints.rows[start] + joints.again(start)
    return int(best[np.abs(sizes - size).argmin()])
