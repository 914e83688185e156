"""Few-shot examples, chosen by hash of (seed, task, example id): never by position, batch or limit."""

import hashlib
import heapq
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import islice
from typing import Literal

from harness.errors import DataError, quoted
from harness.metrics.calibrate import RIGHTS
from harness.types import Example, Shots

Chooser = Callable[[Example], tuple[Example, ...]]


def chooser(
    pool: Sequence[Example],
    shots: Shots,
    *,
    seed: int,
    task: str,
    mode: Literal["fixed", "per-example"] = "fixed",
) -> Chooser:
    """A function that gives ``shots.count`` examples of ``pool`` to show before an example, never the example itself.

    fixed: the same for every example of the task (of the slice ``shots.by``), so that they share one prefix; an example
    that is among them, or whose question is, gets the next one instead. per-example: drawn anew for each. The function
    raises DataError when the pool is too small.
    """
    count, by = shots.count, shots.by
    groups = _by_slice(pool, by) if count else {}
    salt = f"{seed}\0{task}\0"
    fixed = {
        key: rows if shots.pick == "first" else _ranked(rows, len(rows), salt)
        for key, rows in groups.items()
        if mode == "fixed"
    }

    def choose(example: Example) -> tuple[Example, ...]:
        key = example.slices.get(by) if by else None
        rows = groups.get(key, [])
        ranked = fixed.get(key, []) if mode == "fixed" else _ranked(rows, count + 1, salt + example.id)
        chosen = _others(ranked, example, count)
        if len(chosen) < count and mode == "per-example":
            chosen = _others(_ranked(rows, len(rows), salt + example.id), example, count)
        if len(chosen) < count:
            where = f" with {by}={key}" if by else ""
            raise DataError(
                f"{task}: {count} few-shot examples asked for, only {len(chosen)} to choose from{where} that do "
                f"not ask the question of {quoted(example.id)} itself"
            )
        return chosen

    return choose


def _by_slice(pool: Sequence[Example], by: str | None) -> dict[str | None, list[Example]]:
    groups: dict[str | None, list[Example]] = {}
    for candidate in pool:
        groups.setdefault(candidate.slices.get(by) if by else None, []).append(candidate)
    return groups


def _others(ranked: Sequence[Example], example: Example, count: int) -> tuple[Example, ...]:
    return tuple(islice((shot for shot in ranked if not _same(shot, example)), count))


def _same(one: Example, other: Example) -> bool:
    """Whether a shot is the example, or asks its question: then it would show the answer.

    Another split may use the same ids, and one prompt may stand over different choices: the question is the same where
    the prompt is and the shot's answer is among the choices, if there are any.
    """
    if one.id == other.id and one.fields == other.fields:
        return True
    f, g = one.fields, other.fields
    if "prompt" not in f or "prompt" not in g or f.get("inputs") != g.get("inputs"):
        return False
    if f["prompt"] != g["prompt"] and _plain(f["prompt"]) != _plain(g["prompt"]):
        return False
    return RIGHTS not in f or f["choices"][one.target] in g["choices"]


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _ranked(rows: Sequence[Example], count: int, salt: str) -> list[Example]:
    """The ``count`` rows of the smallest hash, in the order of their hashes."""
    keyed = ((hashlib.sha256(f"{salt}\0{row.id}".encode()).digest(), i) for i, row in enumerate(rows))
    return [rows[i] for _, i in heapq.nsmallest(count, keyed)]
