"""A step of a plan as rows of one forward pass, and which rows answer which span."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.engine.causal.scoring.plan import Ints, Plan, Step
from harness.engine.special import Tokens


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
        parents = np.full(len(self.depths), -1, np.int64)
        latest = np.full(int(self.depths.max()) + 2, -1, np.int64)  # row of the current token one level up
        for row, depth in enumerate(self.depths.tolist()):
            parents[row], latest[depth + 1] = latest[depth], row
        return parents


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
