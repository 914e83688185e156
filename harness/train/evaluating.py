"""What a model under training is asked: planned once, then answered again and again, each time as a run of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from harness import run as running
from harness.api.evaluation import planned_tasks, tasks_of
from harness.api.models import opened
from harness.api.ready import answerable, ready, told
from harness.api.recording import record
from harness.api.records import Overrides, Result, heard, unheard, with_overrides
from harness.api.shown import headlines, printed
from harness.errors import UsageError, listed
from harness.metrics.overfit import gaps
from harness.store import open_store
from harness.train.plateau import Judgement, Plateau
from harness.train.seen import Moment, SeenExamples
from harness.train.undisturbed import undisturbed, unwrapped
from harness.types import Task

PREFIX = "eval_harness/"
"""What the names of our metrics begin with among those of a training."""


@dataclass(frozen=True, slots=True)
class Watching:
    """What is asked of a training: tasks, when it stops, how many examples of train splits are asked too."""

    tasks: str | Sequence[str | Task]
    plateau: Plateau | None
    train_rows: int | None

    @property
    def key(self) -> str:
        """What the score of the plateau is logged as; empty without one."""
        return f"{PREFIX}{self.plateau.metric}" if self.plateau else ""


class Evaluating:
    """The questions that every evaluation of a training asks.

    ``family`` is the name of the training where the overrides give none. Raises UsageError for overrides that make no
    sense while a model is trained, and what planning raises.
    """

    def __init__(self, watching: Watching, family: str, overrides: Overrides) -> None:
        tasks, plateau = watching.tasks, watching.plateau
        self._settings, self._options, where, listener = with_overrides(None, None, None, None, overrides)
        for name in ("shard", "resume", "max_minutes", "tags", "step"):
            if getattr(where, name):
                raise UsageError(f"{name} = {getattr(where, name)!r} means nothing while a model is trained")
        if listener.notice is unheard:
            listener = replace(listener, notice=printed)
        family = where.family or family
        self._where = replace(where, family=family, name=where.name or family, cache=False)
        self.listener = heard(listener, self._where.name)
        self._wanted = tasks
        chosen, self._absent = ready(tasks_of(tasks), self._settings, where, tasks)
        for text in told(self._absent):
            self.listener.notice(text)
        self._planned = planned_tasks(chosen, self._settings, self._options, where)
        self.tasks = [planned.task for planned in self._planned]
        rows = watching.train_rows
        self._seen = None if rows is None else SeenExamples(self.tasks, rows, self._settings, where.data)
        store = open_store(where.store, samples=where.samples)
        self._judgement = Judgement(plateau, self.tasks, store) if plateau else None

    def begin(self, scores: Mapping[int, float]) -> None:
        """A training begins, or goes on after a checkpoint that had logged these ``scores`` of the plateau by step."""
        lacking = self._judgement.begin(self._where.family, scores) if self._judgement else []
        if lacking:
            steps = listed(map(str, lacking))
            self.listener.notice(f"the plateau is judged without the evaluations of step {steps}: not in the store")

    def asked(self, model: Any, tokenizer: Any, at: Moment) -> tuple[dict[str, float], float, bool]:
        """The metrics of a model, the seconds that they took, and whether training is to stop."""
        began = perf_counter()
        result = self.result(model, tokenizer, at)
        over = False
        if self._judgement and (change := self._judgement.step(result.run)):
            self.listener.notice(f"step {at.step}: {self._judgement.rule.metric} {change}")
            over = self._judgement.is_over
            if over:
                self.listener.notice(f"training stops at step {at.step}: {self._judgement.rule}")
        return metrics_of(result), perf_counter() - began, over

    def result(self, model: Any, tokenizer: Any, at: Moment) -> Result:
        """The stored run of a model as it stands; nothing about the model or its training changes.

        Raises Unsupported for sharded weights, and the errors of ``evaluate``.
        """
        model = unwrapped(model)
        with undisturbed(model):
            backend = opened((model, tokenizer), self._options, running.exams(self._planned))
            planned, unable = answerable(backend, self._planned, self._wanted)
            training = self._seen.scores(backend, at) if self._seen else ()
            return record(
                backend,
                planned,
                self._settings,
                where=replace(self._where, step=at.step),
                listener=self.listener,
                training=training,
                left_out=self._absent | unable,
            )


def metrics_of(result: Result) -> dict[str, float]:
    """The tasks' own numbers over all examples by ``eval_harness/TASK:METRIC``, their intervals by ``/low``, ``/high``.

    Undefined numbers are left out; ``/failed`` counts examples that could not be judged, where there are any. Where
    examples of a train split were asked, ``/train`` is their score and ``/gap`` that less the task's own, which has an
    interval too.
    """
    metrics: dict[str, float] = {}
    for e in headlines(result.run, result.estimates):
        name = f"{PREFIX}{e.task}:{e.metric}"
        parts = {"": e.value, "/low": e.low, "/high": e.high, "/failed": e.failed or None}
        metrics |= {name + part: float(value) for part, value in parts.items() if value is not None}
    for training in result.run.training:
        own = gaps(training, result.estimates)
        for metric, value in training.train.values.items():
            name = f"{PREFIX}{training.task}:{metric}"
            if name in metrics and metric in own:
                gap = own[metric]
                ends = {f"{name}/gap/low": gap.low, f"{name}/gap/high": gap.high}
                metrics |= {f"{name}/train": value, f"{name}/gap": gap.value}
                metrics |= {end: number for end, number in ends.items() if number is not None}
    return metrics
