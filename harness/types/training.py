"""How the heads of a fine-tuned model were trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.types.results import Estimate


@dataclass(frozen=True, slots=True)
class PartScores:
    """How a fine-tuned model does on a part of its train split: how many examples, and the value of each metric.

    ``ends``: the 95 % intervals of those that have one; older runs kept none.
    """

    examples: int
    values: Mapping[str, float]
    ends: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overfit:
    """How much higher a score is on what was trained on, and its 95 % interval where both scores have one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How the head for one task was trained, and its scores on what it was trained on and on what was held out."""

    task: str
    epochs: float
    learning_rate: float
    train: PartScores
    held_out: PartScores

    def gaps(self, estimates: Sequence[Estimate]) -> dict[str, Overfit]:
        """For each metric the score on what was trained on less the run's own number: how far the head over-fits.

        The two are of different examples, so the distances to the ends of their intervals add as errors do (MOVER, Zou
        and Donner 2008).
        """
        own = {e.metric: e for e in estimates if e.task == self.task and e.slice == "all" and e.value is not None}
        return {
            name: _overfit(value, self.train.ends.get(name), own[name])
            for name, value in self.train.values.items()
            if name in own
        }

    def flaw(self) -> str:
        """Which of its numbers is not finite, in words; empty where all are."""
        numbers = [("epochs", self.epochs), ("learning_rate", self.learning_rate)]
        for part in (self.train, self.held_out):
            numbers += [*part.values.items(), *((name, end) for name, ends in part.ends.items() for end in ends)]
        wrong = [f"{name} is {value}" for name, value in numbers if not math.isfinite(value)]
        return f"the training of {self.task}: {wrong[0]}" if wrong else ""


def _overfit(train: float, ends: tuple[float, float] | None, own: Estimate) -> Overfit:
    value = own.value or 0.0
    gap = train - value
    if ends is None or own.low is None or own.high is None:
        return Overfit(gap)
    return Overfit(
        gap,
        gap - math.hypot(train - ends[0], own.high - value),
        gap + math.hypot(ends[1] - train, value - own.low),
    )
