"""Tasks whose answers another model judges: by a rubric, or against an answer that the row holds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.errors import Unsupported, UsageError, quoted
from harness.kinds.rows import value_of
from harness.kinds.text import written
from harness.metrics.classify import UNIT, mean
from harness.reading.values import filled, text_of
from harness.types import (
    Choose,
    Example,
    Failed,
    Generate,
    Judged,
    JudgeModel,
    Metric,
    Request,
    Response,
    Scorer,
    Task,
)

RESPONSE = "response"
"""Under this name a rubric holds the answer that is judged."""
YES, NO = "Yes.", "No."
BETTER = "Which one is better, A or B? Answer with the letter alone.\nAnswer:"
EITHER = "Which one is true, A or B? Answer with the letter alone.\nAnswer:"
NAME = "judge"


@dataclass(frozen=True, slots=True)
class Match:
    """Two options, what a judge reads before them, and what it is asked behind them."""

    prompt: str
    first: str
    second: str
    ask: str = BETTER

    def request(self, *, swapped: bool) -> Choose:
        """The options lettered A and B, in their order or in the other one."""
        one, two = (self.second, self.first) if swapped else (self.first, self.second)
        return Choose(f"{self.prompt}\n\nA:\n{one}\n\nB:\n{two}\n\n{self.ask}", (" A", " B"))


def judged(task: Task, judging: JudgeModel) -> Task:
    """The task with the metric ``judge``: how often the judge says yes to the rubric, or prefers the answer.

    As it is, every example fails; a run opens the judge and binds the task to it. Raises UsageError for a rubric that
    does not hold the answer, Unsupported for a task that does not write one.
    """
    if task.requests != {Generate}:
        raise Unsupported(f"{task.name} does not write: a judge reads written answers")
    if judging.against is None and f"{{{RESPONSE}}}" not in judging.rubric:
        raise UsageError(f"{task.name}: the judge's rubric does not hold the answer, as {{{RESPONSE}}}")

    def ask(example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        _match(judging, example, "")  # a column that it cannot read is told before the model is asked
        return task.ask(example, shown)

    def bind(own: Task, scorer: Scorer) -> Task:
        metric = replace(_metric(judging), signature=scorer.name)
        return replace(own, judge_scores=judge_scores, bind=None, scorer=scorer, metrics=(*own.metrics[:-1], metric))

    def judged_as(example: Example, text: str) -> tuple[str, ...]:
        match = _match(judging, example, text)
        return tuple(match.request(swapped=order).prompt for order in ((False, True) if judging.swap else (False,)))

    def judge_scores(example: Example, texts: Sequence[str], scores: Sequence[float]) -> Judged | Failed:
        base = task.judge(example, tuple(written(text) for text in texts))
        if isinstance(base, Failed):
            return base
        value = preference(scores)
        if value == 0.5 and judging.ties == "failed":
            return replace(base, failed={**base.failed, NAME: "the judge's ruling changes with the order"})
        return replace(base, values={**base.values, NAME: value})

    return replace(
        task, ask=ask, judge=_unbound, bind=bind, judging=judging, judged_as=judged_as,
        metrics=(*task.metrics, _metric(judging)),
    )  # fmt: skip


def preference(first_is_a: Sequence[float]) -> float:
    """1 where the judge prefers the answer, which stood first, then second; 0.5 where that changes with the order."""
    sides = [first_is_a[0], *(1.0 - one for one in first_is_a[1:])]
    return sum(sides) / len(sides)


def _metric(judging: JudgeModel) -> Metric:
    what = f"prefers the answer to {judging.against}" if judging.against else "says yes to the rubric"
    orders = "asked in both orders; a ruling that changes with them is half a win" if judging.swap else "in one order"
    return mean(
        NAME, bounds=UNIT, limits=f"How often the judge {what}, {orders}. `harness judge-check` examines a judge."
    )


def _match(judging: JudgeModel, example: Example, text: str) -> Match:
    """What the judge is asked of an answer. Raises DataError for a column that lacks or holds no text."""
    prompt = filled(judging.rubric, {**example.fields, RESPONSE: text})
    if judging.against is None:
        return Match(prompt, YES, NO, EITHER)
    rival = value_of(example.fields, judging.against)
    return Match(prompt, text, text_of(rival, f"column {quoted(judging.against)}"))


def _unbound(example: Example, responses: tuple[Response, ...]) -> Failed:
    return Failed("no-scorer", "the task was not bound to its judge")
