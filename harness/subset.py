"""Which examples of a dataset a limit asks: a stratified sample that keeps clusters whole and grows with the limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain, islice
from typing import TYPE_CHECKING

from harness.errors import listed

if TYPE_CHECKING:
    from harness.types import Example, Run, Settings, TaskRecord

WHOLE = 8
"""A cluster of at most so many examples (a pair, a minimal set, the questions on a passage) is drawn as one. A larger
one would fill a small limit alone and leave a number without interval: its examples are drawn one by one."""


@dataclass(frozen=True, slots=True)
class _Block:
    """What is drawn together: places of its examples in the data, and for each slice the values that they have."""

    rank: bytes
    places: tuple[int, ...]
    groups: Mapping[str, tuple[str, ...]]


def subset(examples: Sequence[Example], settings: Settings, task: str) -> list[Example]:
    """The examples of one dataset that a run asks, in the data's own order.

    A sample depends on seed, task, ids, clusters and slices, never on the order of the rows. Blocks (clusters of at
    most ``WHOLE`` examples, and single examples) are put in an order of which every beginning holds its share of each
    slice, coarse slices first; the limit takes the beginning. So a larger limit holds the examples of a smaller one, a
    limit is met exactly, and at most one small cluster is cut: the last one, where the limit ends.
    """
    count = settings.count_of(len(examples))
    if settings.limit_order == "first" or count == len(examples):
        return list(examples[:count])
    # Few-shot examples are drawn with another salt, so that neither draw follows the other.
    salt = f"limit\0{settings.seed}\0{task}"
    blocks = _blocks(examples, salt)
    ordered = _interleaved(blocks, _keys(blocks), salt)
    drawn = islice(chain.from_iterable(block.places for block in ordered), count)
    return [examples[place] for place in sorted(drawn)]


def _blocks(examples: Sequence[Example], salt: str) -> list[_Block]:
    clusters: dict[str, list[int]] = {}
    for place, example in enumerate(examples):
        if example.cluster is not None:
            clusters.setdefault(example.cluster, []).append(place)
    small = {name: places for name, places in clusters.items() if len(places) <= WHOLE}
    alone = [place for place, example in enumerate(examples) if example.cluster not in small]

    def rank(place: int) -> bytes:
        return _hash(salt, "example", examples[place].id)

    def block(rank: bytes, places: Sequence[int]) -> _Block:
        keys = {key for place in places for key in examples[place].slices}
        values = {key: {examples[p].slices[key] for p in places if key in examples[p].slices} for key in keys}
        return _Block(rank, tuple(places), {key: tuple(sorted(distinct)) for key, distinct in values.items()})

    whole = [block(_hash(salt, "cluster", name), sorted(places, key=rank)) for name, places in small.items()]
    return whole + [block(rank(place), [place]) for place in alone]


def _keys(blocks: Sequence[_Block]) -> list[str]:
    """The slices by which blocks are stratified, those with the fewest groups first."""
    groups: dict[str, set[tuple[str, ...]]] = {}
    for block in blocks:
        for key, values in block.groups.items():
            groups.setdefault(key, set()).add(values)
    return sorted(groups, key=lambda key: (len(groups[key]), key))


def _interleaved(blocks: Sequence[_Block], keys: Sequence[str], salt: str) -> list[_Block]:
    """An order of which every beginning holds each group's share, of the first key and within it of the next ones.

    A group of m blocks stands at (i + u) / m, i = 0 to m - 1, with u between 0 and 1 by hash: systematic sampling with
    a random start, in which every block is equally likely to come before any place.
    """
    strata: dict[tuple[str, ...], list[_Block]] = {}
    while keys and len(strata) < 2:
        key, *keys = keys
        strata = {}
        for block in blocks:
            strata.setdefault(block.groups.get(key, ()), []).append(block)
    if len(strata) < 2:
        return sorted(blocks, key=lambda block: block.rank)
    placed: list[tuple[float, bytes, _Block]] = []
    for values, own in strata.items():
        inner = "\0".join((salt, key, *values))
        start = int.from_bytes(_hash(inner, "start")[:6]) / 2**48
        ordered = _interleaved(own, keys, inner)
        placed += [((i + start) / len(own), block.rank, block) for i, block in enumerate(ordered)]
    return [block for *_, block in sorted(placed, key=lambda one: one[:2])]


def _hash(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass")).digest()


# --------------------------------------------------------------------------------------------------------- in words
def extent(run: Run, task: TaskRecord) -> str:
    """How many examples of a task were asked: ``30 of 1,508, sampled``; the bare number where there were no others."""
    if task.available is None or task.available <= task.n:
        return f"{task.n:,}"
    return f"{task.n:,} of {task.available:,}, {_chosen(run)}"


def shortfall(run: Run) -> str:
    """What a run did not ask: ``30 of 1,508 examples, sampled; 2 tasks left out``; empty where it asked everything."""
    count = len(run.left_out)
    out = f"; {count} task{'s' * (count != 1)} left out" if count else ""
    asked, available = sum(t.n for t in run.tasks), sum(max(t.available or 0, t.n) for t in run.tasks)
    if any(task.available is not None and task.available > task.n for task in run.tasks):
        return f"{asked:,} of {available:,} examples, {_chosen(run)}{out}"
    return f"all {asked:,} examples{out}" if out else ""


def _chosen(run: Run) -> str:
    """How a limit chose; runs of older releases, which keep no order, took the first examples."""
    return "sampled" if run.settings.get("limit_order") == "sampled" else "the first ones"


def by_reason(left_out: Mapping[str, str]) -> Iterator[str]:
    """Tasks that were named and not asked, a line for every reason: ``bbq/age, bbq/ses: no data (heegyu/bbq)``."""
    for why, names in of_reasons(left_out).items():
        yield f"{listed(names)}: {why}"


def of_reasons(tasks: Mapping[str, str]) -> dict[str, list[str]]:
    """By reason the tasks that have it, from the reason of each task."""
    found: dict[str, list[str]] = {}
    for name, why in tasks.items():
        found.setdefault(why, []).append(name)
    return found
