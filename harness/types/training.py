"""How the heads of a fine-tuned model were trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.types.results import Estimate


@dataclass(frozen=True, slots=True)
class PartScores:
    """How a fine-tuned model does on a part of its train split: how many examples, and the value of each metric."""

    examples: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How the head for one task was trained, and its scores on what it was trained on and on what was held out."""

    task: str
    epochs: float
    learning_rate: float
    train: PartScores
    held_out: PartScores

    def gaps(self, estimates: Sequence[Estimate]) -> dict[str, float]:
        """For each metric the score on what was trained on less the run's own number: how far the head over-fits."""
        own = {e.metric: e.value for e in estimates if e.task == self.task and e.slice == "all" and e.value is not None}
        return {name: value - own[name] for name, value in self.train.values.items() if name in own}

    def flaw(self) -> str:
        """Which of its numbers is not finite, in words; empty where all are."""
        numbers = [("epochs", self.epochs), ("learning_rate", self.learning_rate)]
        numbers += [*self.train.values.items(), *self.held_out.values.items()]
        wrong = [f"{name} is {value}" for name, value in numbers if not math.isfinite(value)]
        return f"the training of {self.task}: {wrong[0]}" if wrong else ""
