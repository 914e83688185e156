"""When to stop a training whose scores are noisy: once the data rule out an improvement that would be worth it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.api.shown import headlines
from harness.differences.answers import answers, pairs_of
from harness.differences.compare import valued
from harness.errors import UnknownName, UsageError
from harness.metrics.pairs import paired
from harness.types import HEADLINE
from harness.visible import number

if TYPE_CHECKING:
    from harness.metrics.pairs import Paired
    from harness.store import Store
    from harness.types import Metric, Run, Task

Word = Literal["improved", "worse", "not distinguishable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plateau:
    """Stop when the evaluations agree that the best one will hardly be beaten.

    ``metric`` is "TASK:METRIC". An evaluation counts when the upper bound (95 %, paired by example) of its improvement
    over the best evaluation before it is below ``delta``; after ``evaluations`` of them in a row training stops.
    """

    metric: str
    delta: float
    evaluations: int = 3

    def __post_init__(self) -> None:
        """Raises UsageError for numbers out of range."""
        if not self.delta >= 0:
            raise UsageError(f"Plateau(delta={self.delta}): not a number of at least 0")
        if self.evaluations < 1:
            raise UsageError(f"Plateau(evaluations={self.evaluations}): not a number of at least 1")


@dataclass(frozen=True, slots=True)
class Improvement:
    """What an evaluation is beside the best one before it. ``by`` and its ends are positive for better."""

    word: Word
    by: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.word}: {number(self.by)} [{number(self.low)}, {number(self.high)}]"


def metric_named(name: str, tasks: Sequence["Task"]) -> tuple[str, "Metric"]:
    """The task and metric of "TASK:METRIC", one of the task's own scores.

    Raises UnknownName, and UsageError for one that has no better direction.
    """
    scores = [(task.name, metric) for task in tasks for metric in task.metrics if metric.family in HEADLINE]
    known = {f"{task}:{metric.name}": (task, metric) for task, metric in scores}
    if name not in known:
        raise UnknownName("metric", name, known)
    task, metric = known[name]
    if metric.better == "ideal":
        raise UsageError(f"{name} is best at its ideal, so that more is neither better nor worse")
    return task, metric


class Judgement:
    """Compares every evaluation with the best one before it, and says when it is enough."""

    def __init__(self, rule: Plateau, tasks: Sequence["Task"], store: "Store") -> None:
        self.rule, self._store = rule, store
        self._task, self._metric = metric_named(rule.metric, tasks)
        self._best: Run | None = None
        self._flat = 0

    @property
    def is_over(self) -> bool:
        """Whether training is to stop."""
        return self._flat >= self.rule.evaluations

    def begin(self, family: str, scores: Mapping[int, float]) -> list[int]:
        """Forget what was; for a training that goes on, judge anew what it had logged: ``scores`` by step.

        The runs are those of the family whose score is the logged one. Returns the steps of which there is none.
        """
        self._best, self._flat = None, 0
        runs: dict[int, Run] = {}
        for run in self._store.runs(task=self._task, status="finished") if scores else ():  # newest first
            step = run.step
            if run.family == family and step is not None and step in scores and step not in runs:
                numbers = {(e.task, e.metric): e.value for e in headlines(run, self._store.results(run.id))}
                if numbers.get((self._task, self._metric.name)) == scores[step]:
                    runs[step] = run
        for step in sorted(runs):
            self.step(runs[step])
        return sorted(scores.keys() - runs.keys())

    def step(self, run: "Run") -> Improvement | None:
        """What a finished run is beside the best before it; None for the first, and where nothing can be paired."""
        if self._best is None:
            self._best = run
            return None
        change = _change(self._store, (self._best.id, run.id), self._task, self._metric)
        if change is None or change.low is None or change.high is None:
            self._flat = 0
            return None
        sign = 1 if self._metric.better == "higher" else -1
        low, high = sorted((sign * change.low, sign * change.high))
        word: Word = "improved" if low > 0 else "worse" if high < 0 else "not distinguishable"
        self._flat = self._flat + 1 if high < self.rule.delta else 0
        if sign * change.difference > 0:
            self._best = run
        return Improvement(word, sign * change.difference, low, high)


def _change(store: "Store", runs: tuple[str, str], task: str, metric: "Metric") -> "Paired | None":
    before, after = (answers(store, run, task) for run in runs)
    sides = valued(metric, pairs_of(before, after, same=True)[0])
    return paired(metric, *sides[:3], tested=False) if sides else None
