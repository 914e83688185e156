"""What a model under training is asked: planned once, then answered again and again, each time as a run of its own."""

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from harness import run as running
from harness.api.evaluation import planned_tasks, tasks_of
from harness.api.models import opened
from harness.api.ready import answerable, ready, told
from harness.api.recording import record
from harness.api.records import Overrides, Result, heard, unheard, with_overrides
from harness.api.shown import headlines, printed
from harness.errors import UsageError
from harness.store import open_store
from harness.train.plateau import Judgement, Plateau
from harness.train.undisturbed import undisturbed, unwrapped
from harness.types import Task

PREFIX = "eval_harness/"
"""What the names of our metrics begin with among those of a training."""


class Evaluating:
    """Tasks with the questions that every evaluation of a training asks, and the rule by which it stops.

    ``family`` is the name of the training where the overrides give none. Raises UsageError for overrides that make no
    sense while a model is trained, and what planning raises.
    """

    def __init__(
        self, tasks: str | Sequence[str | Task], family: str, plateau: Plateau | None, overrides: Overrides
    ) -> None:
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
        chosen, self._absent = ready(tasks_of(tasks), self._settings, where)
        for text in told(self._absent):
            self.listener.notice(text)
        self._planned = planned_tasks(chosen, self._settings, self._options, where)
        self.tasks = [planned.task for planned in self._planned]
        store = open_store(where.store, samples=where.samples)
        self._judgement = Judgement(plateau, self.tasks, store) if plateau else None

    def asked(self, model: Any, tokenizer: Any, step: int) -> tuple[dict[str, float], float, bool]:
        """The metrics of a model after ``step`` steps, the seconds that they took, and whether training is to stop."""
        began = perf_counter()
        result = self.result(model, tokenizer, step)
        over = False
        if self._judgement and (change := self._judgement.step(result.run)):
            self.listener.notice(f"step {step}: {self._judgement.rule.metric} {change}")
            over = self._judgement.is_over
            if over:
                self.listener.notice(f"training stops at step {step}: {self._judgement.rule}")
        return metrics_of(result), perf_counter() - began, over

    def result(self, model: Any, tokenizer: Any, step: int) -> Result:
        """The stored run of a model as it stands after ``step`` steps; nothing about the model or its training changes.

        Raises Unsupported for sharded weights, and the errors of ``evaluate``.
        """
        model = unwrapped(model)
        with undisturbed(model):
            backend = opened((model, tokenizer), self._options, running.exams(self._planned))
            planned, unable = answerable(backend, self._planned, self._wanted)
            where = replace(self._where, step=step)
            return record(
                backend,
                planned,
                self._settings,
                where=where,
                listener=self.listener,
                left_out=self._absent | unable,
            )


def metrics_of(result: Result) -> dict[str, float]:
    """The tasks' own numbers over all examples by ``eval_harness/TASK:METRIC``, their intervals by ``/low``, ``/high``.

    Undefined numbers are left out; ``/failed`` counts examples that could not be judged, where there are any.
    """
    metrics: dict[str, float] = {}
    for e in headlines(result.run, result.estimates):
        name = f"{PREFIX}{e.task}:{e.metric}"
        parts = {"": e.value, "/low": e.low, "/high": e.high, "/failed": e.failed or None}
        metrics |= {name + part: float(value) for part, value in parts.items() if value is not None}
    return metrics
