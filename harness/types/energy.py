"""The energy that answers took."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEnergy:
    """What one task has taken: ``examples`` were computed in the window, ``tokens`` are those of their answers.

    ``joules`` is gross and None where nothing was measured. ``joules_per_correct``, with its 95 % interval, is None
    also where no answer is right or wrong, or none was right.
    """

    examples: int
    tokens: int
    joules: float | None = None
    joules_per_correct: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyUse:
    """The energy of the answers that a run computed; None is "not measured", never 0.

    ``method``: how it was measured ("nvml_counter", "rapl", "nvml_power_integral"), "none" for the ``reason`` given.
    ``net_joules`` leaves out what the idle device would have drawn, ``shared``: other processes were on the device.
    ``divided`` says by what the tasks' shares were made: "operations", or "examples" in equal parts where a model does
    not tell its operations. The shares of all tasks sum to ``joules``.
    """

    method: Literal["nvml_counter", "nvml_power_integral", "rapl", "none"]
    device: str
    reason: str
    seconds: float
    joules: float | None
    net_joules: float | None
    idle_watts: float | None
    shared: bool | None
    divided: Literal["operations", "examples"]
    tasks: Mapping[str, TaskEnergy]

    @property
    def examples(self) -> int:
        """Examples that were computed in the window."""
        return sum(task.examples for task in self.tasks.values())

    @property
    def tokens(self) -> int:
        """Tokens of their answers."""
        return sum(task.tokens for task in self.tasks.values())

    def per(self, amount: float, *, net: bool = False) -> float | None:
        """Joules of each of ``amount`` things; None where not measured or there is none."""
        joules = self.net_joules if net else self.joules
        return joules / amount if joules is not None and amount else None

    def flaw(self) -> str:
        """What is wrong with the numbers, in words; empty where nothing is."""
        parts = [
            task for one in self.tasks.values() for task in (one.joules, one.joules_per_correct, one.low, one.high)
        ]
        numbers = [self.seconds, self.joules, self.net_joules, self.idle_watts, *parts]
        wrong = [n for n in numbers if n is not None and not math.isfinite(n)]
        return f"a number of the energy is {wrong[0]}" if wrong else ""
