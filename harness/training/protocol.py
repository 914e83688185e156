"""How a head is trained, and what it is trained on: the evaluated split is never looked at."""

import math
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from harness.data import digest, load
from harness.errors import DataError, Unsupported, UsageError, quoted
from harness.types import Choose, Example, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How a head is trained. ``head_only`` freezes the encoder; the learning rate follows from the model unless given.

    Training ends when the task's first metric on the held-out part has not risen for ``patience`` epochs.
    """

    head_only: bool = False
    train_limit: int | None = None
    held_out: float = 0.1
    epochs: int = 6
    patience: int = 3
    batch: int = 32
    learning_rate: float | None = None
    weight_decay: float = 0.01
    dropout: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises UsageError for a number that leaves nothing to train on or to do."""
        counts = {
            "train_limit": self.train_limit,
            "epochs": self.epochs,
            "patience": self.patience,
            "batch": self.batch,
        }
        least = {"train_limit": 4}
        for name, count in counts.items():
            if count is not None and (type(count) is not int or count < least.get(name, 1)):
                raise UsageError(f"{name} = {quoted(count)} is not a whole number of at least {least.get(name, 1)}")
        for name, share in (("held_out", self.held_out), ("dropout", self.dropout)):
            if not 0 <= share < 1:
                raise UsageError(f"{name} = {quoted(share)} is not a share of at least 0 and below 1")
        if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
            raise UsageError(f"learning_rate = {quoted(self.learning_rate)} is not a number above 0")

    def rate(self, width: int) -> float:
        """The learning rate: 1e-3 for a head alone; for a whole network 5e-5 at BERT's hidden size of 768.

        Devlin et al. 2019; a narrower network gets more, as Adam's step should fall with the width (Yang et al. 2022).
        """
        return self.learning_rate or (1e-3 if self.head_only else 5e-5 * 768 / width)


@dataclass(frozen=True, slots=True)
class Split:
    """What is trained on, what early stopping looks at, and the hash of the rows both come from."""

    train: tuple[Example, ...]
    held_out: tuple[Example, ...]
    sha256: str


def split_of(task: Task, protocol: Protocol, mirror: Path | None) -> Split:
    """The train split by hash of each example's cluster or id, cut to ``train_limit``; the first part is held out."""
    sets = [dataset for dataset in task.shots.dataset if dataset.split.startswith("train")]
    if not sets:
        raise DataError(f"{task.name} names no train split to fine-tune on")
    loaded = [(dataset, load(dataset, mirror)) for dataset in sets]
    examples = [example for dataset, part in loaded for example in task.read(part.rows, dataset)]

    def key(example: Example) -> bytes:
        return blake2b(f"{protocol.seed}\0{task.name}\0{example.cluster or example.id}".encode()).digest()

    ordered = sorted(examples, key=lambda example: (key(example), example.id))[: protocol.train_limit]
    if len(ordered) < 4:
        raise DataError(f"{task.name} has {len(ordered)} train examples; fine-tuning needs at least 4")
    edge = max(1, round(protocol.held_out * len(ordered)))
    while edge < len(ordered) - 1 and key(ordered[edge]) == key(ordered[edge - 1]):  # a cluster stays together
        edge += 1
    return Split(tuple(ordered[edge:]), tuple(ordered[:edge]), digest([part.sha256 for _, part in loaded]))


def request_of(task: Task, example: Example) -> Choose:
    """What the head is asked about an example."""
    requests = task.ask(example, ())
    if len(requests) != 1 or not isinstance(requests[0], Choose) or not requests[0].labels or not requests[0].inputs:
        raise Unsupported(f"{task.name} cannot be fine-tuned: it does not ask one choice among labels for its inputs")
    return requests[0]


def labels_of(task: Task, split: Split) -> tuple[str, ...]:
    """The labels that the head of a task tells apart."""
    return request_of(task, split.train[0]).labels
