"""All the spans of a run as one tree of tokens, and the forward passes that compute it.

The distinct token sequences that the model has to read are sorted; what a sequence shares with its predecessor (its
``lcp``) is the tree. A pass ("step") computes the tokens of some consecutive sequences, each token once, in the
order of a depth-first walk. ``planner`` cuts the tree into steps, ``layout`` lays a step out as rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from harness.engine.causal.encode import Span
from harness.engine.special import Tokens

Ints = NDArray[np.int64]
BLOCK = 128
"""Tokens of two sequences that are compared at once, to begin with."""


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
class SequenceIndex:
    """The distinct sequences of all spans, sorted; see Plan."""

    sequences: Sequence[Tokens]
    lcp: Ints
    readers: Sequence[tuple[int, ...]]


def plan_padded(spans: Sequence[Span], budget: int, apart: int | None = None) -> Plan:
    """Batches of whole sequences, see ``padded``."""
    index = indexed(spans)
    return planned(spans, index, padded(index, range(len(index.sequences)), budget, apart))


def padded(index: SequenceIndex, members: Sequence[int], budget: int, apart: int | None = None) -> list[Step]:
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


def indexed(spans: Sequence[Span]) -> SequenceIndex:
    """What the spans have to read, and what it shares."""
    sequences, readers = _sorted(spans)
    return SequenceIndex(sequences, _shared(sequences), readers)


def planned(spans: Sequence[Span], index: SequenceIndex, steps: Sequence[Step]) -> Plan:
    """The plan of ``steps`` over the sequences of ``index``."""
    steps_of = _steps_of(spans, index.sequences, index.readers, steps)
    return Plan(spans, index.sequences, index.lcp, index.readers, steps, steps_of)


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
    steps_of: list[tuple[int, ...]] = [()] * len(spans)
    for number, step in enumerate(steps):
        for member in step.members:
            for span in readers[member]:
                if spans[span].start - 1 < (len(sequences[member]) if step.end is None else step.end):
                    steps_of[span] += (number,)
    return steps_of
