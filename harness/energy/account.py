"""The energy of a run, divided among its examples by what was computed for each, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.energy.meter import Energy
from harness.metrics import stats
from harness.metrics.classify import quotient
from harness.metrics.estimate import cluster_codes
from harness.types import Chosen, EnergyUse, Generated, Outcome, Response, Scored, TaskEnergy

if TYPE_CHECKING:
    from harness.types import Array

PER_CORRECT = quotient("joules_per_correct", bounds=(0.0, float("inf")), better="lower")


def shares(joules: float, weights: Sequence[float]) -> Array:
    """``joules`` divided in proportion to ``weights`` [n]; in equal parts where they sum to nothing.

    The parts sum to ``joules`` but for rounding.
    """
    parts = np.asarray(weights, float)
    total = parts.sum()
    return joules * (parts / total if total > 0 else np.full(len(parts), 1 / max(1, len(parts))))


def answered_tokens(response: Response) -> int:
    """Tokens of an answer: generated ones, or those whose probability was asked."""
    if isinstance(response, Chosen):
        return sum(response.tokens)
    return response.tokens if isinstance(response, Generated | Scored) else 0


def account(
    energy: Energy,
    outcomes: Mapping[str, Sequence[Outcome]],
    computed: Collection[int],
    operations: Sequence[float] | None,
) -> EnergyUse:
    """Divide a window's energy among the questions ``computed`` in it.

    Questions are numbered through all examples of all tasks, in the order of ``outcomes``; ``operations`` [questions]
    says what was computed for each, tokens that several share in equal parts.
    """
    count = sum(len(o.requests) for group in outcomes.values() for o in group)
    inside = np.isin(np.arange(count), list(computed))
    weights = np.where(inside, 1.0 if operations is None else np.asarray(operations, float), 0.0)
    if not weights.sum():
        weights = inside.astype(float)
    parts = None if energy.joules is None or not len(computed) else shares(energy.joules, weights.tolist())
    tasks, start = {}, 0
    for name, group in outcomes.items():
        ends = start + np.cumsum([0, *(len(o.requests) for o in group)])
        kept = [i for i in range(len(group)) if inside[ends[i] : ends[i + 1]].any()]
        own = None if parts is None else np.array([parts[ends[i] : ends[i + 1]].sum() for i in kept])
        tasks[name] = _of_task([group[i] for i in kept], own)
        start = int(ends[-1])
    return EnergyUse(
        method=energy.method,
        device=energy.device,
        reason=energy.reason,
        seconds=energy.seconds,
        joules=energy.joules,
        net_joules=energy.net_joules,
        idle_watts=energy.idle_watts,
        shared=energy.shared,
        divided="examples" if operations is None else "operations",
        tasks=tasks,
    )


def _of_task(outcomes: Sequence[Outcome], joules: Array | None) -> TaskEnergy:
    value, low, high = (joules is not None and per_correct(outcomes, joules)) or (None, None, None)
    return TaskEnergy(
        examples=len(outcomes),
        tokens=sum(answered_tokens(response) for o in outcomes for response in o.responses),
        joules=None if joules is None else float(joules.sum()),
        joules_per_correct=value,
        low=low,
        high=high,
    )


def per_correct(outcomes: Sequence[Outcome], joules: Array) -> tuple[float, float | None, float | None] | None:
    """Joules of all examples [n] / right answers, and its 95 % interval; what wrong answers took is counted too."""
    right = np.array([float(bool(o.judged and o.judged.correct)) for o in outcomes])
    if not right.any():
        return None
    rows = np.stack([joules, right], axis=1)
    clusters = cluster_codes(o.example for o in outcomes)
    low, high = stats.confidence(PER_CORRECT, rows, clusters) or (None, None)
    return stats.point(PER_CORRECT, rows), low, high
