"""How far a fine-tuned model over-fits: its scores on what it was trained on, less those of the run."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.metrics.intervals import independent_difference
from harness.types import Estimate, Training


@dataclass(frozen=True, slots=True)
class Overfit:
    """How much higher a score is on what was trained on, and its 95 % interval where both scores have one."""

    value: float
    low: float | None = None
    high: float | None = None


def gaps(training: Training, estimates: Sequence[Estimate]) -> dict[str, Overfit]:
    """For each metric of a training's task the score on what was trained on, less the run's own among ``estimates``."""
    own = {e.metric: e for e in estimates if e.task == training.task and e.slice == "all"}
    found = {}
    for name, train in training.train.values.items():
        e, ends = own.get(name), training.train.ends.get(name)
        if e is None or e.value is None:
            continue
        if ends is None or e.low is None or e.high is None:
            found[name] = Overfit(train - e.value)
        else:
            found[name] = Overfit(train - e.value, *independent_difference(train, ends, e.value, (e.low, e.high)))
    return found
