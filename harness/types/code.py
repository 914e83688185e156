"""Programs that a model wrote, and what running one says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from harness.types.responses import Failed

Verdict = Literal["passed", "failed", "time-out"]


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended: it ``passed`` if its last line was reached, and failed by an exception or by ending early.

    ``message`` is the exception, empty for a program that passed.
    """

    verdict: Verdict
    message: str = ""


class Sandbox(Protocol):
    """Where programs of a model run. ``name`` says how they are confined, with everything that can change a verdict."""

    @property
    def name(self) -> str:
        """What a run's record keeps."""
        ...

    def run(self, program: str) -> Ran | Failed:
        """Run a program of Python; Failed where the sandbox broke, which says nothing of the program."""
        ...
