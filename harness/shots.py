"""Few-shot examples, chosen by hash of (seed, task, example id): never by position, batch or limit."""

import hashlib
import heapq
from collections.abc import Callable, Sequence
from typing import Literal

from harness.errors import DataError
from harness.types import Example

Chooser = Callable[[Example], tuple[Example, ...]]


def chooser(
    pool: Sequence[Example],
    count: int,
    *,
    seed: int,
    task_name: str,
    mode: Literal["fixed", "per-example"] = "fixed",
    by: str | None = None,
    pick: Literal["hash", "first"] = "hash",
) -> Chooser:
    """A function that gives ``count`` examples of ``pool`` to show before an example, never the example itself.

    fixed: the same for every example of the task (of the slice ``by``), so that they share one prefix; an example that
    is among them gets the next one instead. per-example: drawn anew for each. ``pick="first"`` takes the pool's order.
    The function raises DataError when the pool is too small.
    """
    groups: dict[str | None, list[Example]] = {}
    for candidate in pool if count else ():
        groups.setdefault(candidate.slices.get(by) if by else None, []).append(candidate)
    salt = f"{seed}\0{task_name}\0"
    fixed = {
        key: rows[: count + 1] if pick == "first" else _ranked(rows, count + 1, salt)
        for key, rows in groups.items()
        if mode == "fixed"
    }

    def choose(example: Example) -> tuple[Example, ...]:
        key = example.slices.get(by) if by else None
        ranked = fixed.get(key, []) if mode == "fixed" else _ranked(groups.get(key, []), count + 1, salt + example.id)
        chosen = tuple(shot for shot in ranked if not _same(shot, example))[:count]
        if len(chosen) < count:
            where = f" with {by}={key}" if by else ""
            raise DataError(
                f"{task_name}: {count} few-shot examples asked for, only {len(chosen)} to choose from{where}"
            )
        return chosen

    return choose


def _same(one: Example, other: Example) -> bool:
    """Another split may use the same ids: only the same question is the same example."""
    return one.id == other.id and one.fields == other.fields


def _ranked(rows: Sequence[Example], count: int, salt: str) -> list[Example]:
    """The ``count`` rows of the smallest hash, in the order of their hashes."""
    keyed = ((hashlib.sha256(f"{salt}\0{row.id}".encode()).digest(), i) for i, row in enumerate(rows))
    return [rows[i] for _, i in heapq.nsmallest(count, keyed)]
