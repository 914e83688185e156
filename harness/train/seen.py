"""How much better a model is on what it is trained on: examples of the train split, asked beside a task's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import run as running
from harness.engine.backend import Backend
from harness.errors import UsageError
from harness.training.protocol import Protocol, split_of
from harness.training.tuned import score
from harness.types import PartScores, Settings, Task, Training

LEAST = 4
"""Examples of a train split that tell anything."""


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a training is: its steps, its epochs, and the learning rate of the next step."""

    step: int
    epochs: float
    learning_rate: float


class SeenExamples:
    """The same examples of the train split of every task that has one, asked with as many shots as the task's own.

    Raises UsageError for too few examples and where no task has a train split.
    """

    def __init__(self, tasks: Sequence[Task], count: int, settings: Settings, data: Path | None) -> None:
        if count < LEAST:
            raise UsageError(f"train_rows = {count} is not a number of at least {LEAST}")
        protocol = Protocol(train_limit=count, seed=settings.seed)
        trained = [task for task in tasks if any(d.split.startswith("train") for d in task.shots.dataset)]
        if not trained:
            raise UsageError(f"train_rows = {count}: no task of {', '.join(t.name for t in tasks)} has a train split")
        splits = [(task, split_of(task, protocol, data)) for task in trained]
        self._sheets = [
            running.sheet(task, (*split.train, *split.held_out), running.choosing(task, (), settings, data)[0])
            for task, split in splits
        ]

    def scores(self, backend: Backend, at: Moment) -> tuple[Training, ...]:
        """What a run keeps: the scores on these examples; nothing was held out."""
        return tuple(
            Training(
                task=sheet.task.name,
                epochs=at.epochs,
                learning_rate=at.learning_rate,
                train=score(backend, sheet),
                held_out=PartScores(0, {}),
            )
            for sheet in self._sheets
        )
