"""How the heads of a fine-tuned model were trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PartScores:
    """How a fine-tuned model does on a part of its train split: how many examples, and the value of each metric.

    ``ends``: the 95 % intervals of those that have one; older runs kept none.
    """

    examples: int
    values: Mapping[str, float]
    ends: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How the head for one task was trained, and its scores on what it was trained on and on what was held out."""

    task: str
    epochs: float
    learning_rate: float
    train: PartScores
    held_out: PartScores

    def flaw(self) -> str:
        """Which of its numbers is not finite, in words; empty where all are."""
        numbers = [("epochs", self.epochs), ("learning_rate", self.learning_rate)]
        for part in (self.train, self.held_out):
            numbers += [*part.values.items(), *((name, end) for name, ends in part.ends.items() for end in ends)]
        wrong = [f"{name} is {value}" for name, value in numbers if not math.isfinite(value)]
        return f"the training of {self.task}: {wrong[0]}" if wrong else ""
