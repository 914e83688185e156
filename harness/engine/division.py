"""How the batches of a plan are divided among workers and among the shards of a job array."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.engine.backend import BatchPlan

FINE = 4
"""A unit is at most this part of a worker's share, so that the last units end at about the same time."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Batches that go to one worker together, since they share what is computed once; ``cost`` in tokens."""

    batches: tuple[BatchPlan, ...]
    cost: float

    @property
    def positions(self) -> tuple[int, ...]:
        """The questions that it answers."""
        return tuple(position for batch in self.batches for position in batch.positions)


class Outside:
    """Every position but some: what counts as done while only these are computed."""

    def __init__(self, positions: Iterable[int]) -> None:
        self._own = frozenset(positions)

    def __contains__(self, position: object) -> bool:
        return position not in self._own


def units(batches: Sequence[BatchPlan], workers: int) -> list[Unit]:
    """Whole groups, the dearest first; one above a quarter of a worker's share is cut and its block computed again.

    How many workers there are decides about units, never about batches, and so never about an answer.
    """
    largest = sum(batch.cost for batch in batches) / (FINE * workers)
    groups: dict[int, list[BatchPlan]] = {}
    for batch in batches:
        groups.setdefault(batch.group, []).append(batch)
    cut = [unit_of(part) for group in groups.values() for part in _parts(group, largest)]
    return sorted(cut, key=lambda unit: -unit.cost)


def unit_of(batches: Sequence[BatchPlan]) -> Unit:
    """Batches as a unit, which costs what each takes and, once, what they share."""
    return Unit(tuple(batches), sum(b.cost for b in batches) + max((b.shared for b in batches), default=0.0))


def shards(batches: Sequence[BatchPlan], count: int) -> list[frozenset[int]]:
    """The questions of each of ``count`` shards of about equal cost: every question in one of them, a batch whole."""
    parts: list[set[int]] = [set() for _ in range(count)]
    loads = [(0.0, number) for number in range(count)]
    for unit in units(batches, count):
        load, number = loads[0]
        parts[number].update(unit.positions)
        heapq.heapreplace(loads, (load + unit.cost, number))
    return [frozenset(part) for part in parts]


def _parts(group: Sequence[BatchPlan], largest: float) -> Iterable[Sequence[BatchPlan]]:
    """A group in runs of neighbours of about equal cost, none above ``largest`` unless a single batch is."""
    cost = unit_of(group).cost
    if cost <= largest or len(group) == 1:
        return [group]
    size = sum(batch.cost for batch in group) / -(-cost // largest) if largest else 0.0
    parts: list[list[BatchPlan]] = []
    filled = size
    for batch in group:
        if filled + batch.cost / 2 > size:
            parts.append([])
            filled = 0.0
        parts[-1].append(batch)
        filled += batch.cost
    return parts
