"""A task whose answers are drawn as a run says: longer, hotter, or several for each example."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from harness.errors import Unsupported, UsageError, listed, quoted
from harness.metrics.sampled import Sampling, is_score, judged_together, of_samples
from harness.types import Example, Failed, Generate, Judged, Request, Response, Settings, Task

Part = tuple[Response, ...]
T = TypeVar("T")


def drawn(task: Task, settings: Settings) -> Task:
    """The task with the lengths, temperatures and repeats of the settings; itself if it writes nothing.

    Raises UsageError for several greedy samples and for a metric by which none can be chosen, Unsupported for several
    of a task that does not only write or has a metric over all its outcomes at once.
    """
    if Generate not in task.requests:
        return task
    own = {name: getattr(settings, name) for name in ("max_tokens", "temperature", "top_p")}
    changes = {name: value for name, value in own.items() if value is not None}
    if not changes and settings.repeats == 1:
        return task
    if settings.repeats > 1 and task.requests != {Generate}:
        raise Unsupported(f"{task.name} does not only write: its examples cannot be asked {settings.repeats} times")
    whole = next((metric.name for metric in task.metrics if metric.over), None)
    if settings.repeats > 1 and whole:
        raise Unsupported(f"{task.name}: {whole} is no mean over answers, so that {settings.repeats} samples give none")
    sampling = Sampling(settings.repeats, task.votes, _choosing(task, settings.best_of))
    ask = task.ask

    def asked(example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        requests = [replace(r, **changes) if isinstance(r, Generate) else r for r in ask(example, shown)]
        return tuple(_drawn(task.name, r, sample) for sample in range(settings.repeats) for r in requests)

    words = [f"{name} {value:g}" for name, value in changes.items()]
    words += [f"samples {settings.repeats}"] if settings.repeats > 1 else []
    words += [f"best of {settings.best_of}"] if settings.best_of else []
    changed = replace(task, ask=asked, variant=" ".join(filter(None, (task.variant, *words))))
    return _several(changed, task, sampling) if settings.repeats > 1 else changed


def _choosing(task: Task, best_of: str | None) -> str | None:
    """The metric of a task by which the best answer is chosen. Raises UsageError for one that ranks none."""
    able = [metric.name for metric in task.metrics if is_score(metric) and metric.better != "ideal"]
    if best_of is not None and best_of not in able:
        raise UsageError(f"best_of = {quoted(best_of)} ranks no answers of {task.name}; valid: {listed(able)}")
    return best_of


def _drawn(task: str, request: Request, sample: int) -> Request:
    """The request of one sample: the first has the task's own seed, the others one that follows from it."""
    if not sample or not isinstance(request, Generate):
        return request
    if request.temperature == 0:
        raise UsageError(f"{task} is answered greedily, so that all samples would be alike; --temperature draws them")
    return replace(request, seed=zlib.crc32(f"{request.seed}\0{sample}".encode()))


def _several(changed: Task, task: Task, sampling: Sampling) -> Task:
    """``changed`` with the answers to ``task`` judged one by one, then together."""
    count = sampling.count

    def judge(example: Example, responses: Part) -> Judged | Failed:
        return _together(task, sampling, [task.judge(example, part) for part in _parts(responses, count)])

    def judge_scores(example: Example, texts: Sequence[str], scores: Sequence[float]) -> Judged | Failed:
        assert task.judge_scores is not None
        parts = zip(_parts(texts, count), _parts(scores, count), strict=True)
        return _together(task, sampling, [task.judge_scores(example, *part) for part in parts])

    def times(respond: Callable[[Example], Part]) -> Callable[[Example], Part]:
        return lambda example: respond(example) * count

    return replace(
        changed,
        judge=judge,
        judge_scores=judge_scores if task.judge_scores else None,
        best=times(task.best),
        worst=times(task.worst),
        metrics=of_samples(task.metrics, sampling),
    )


def _parts(values: Sequence[T], count: int) -> list[tuple[T, ...]]:
    size = len(values) // count
    return [tuple(values[at : at + size]) for at in range(0, len(values), size)]


def _together(task: Task, sampling: Sampling, answers: Sequence[Judged | Failed]) -> Judged | Failed:
    """Judged together; one that cannot be judged fails the example, as it would alone."""
    failure = next((answer for answer in answers if isinstance(answer, Failed)), None)
    if failure:
        return failure
    return judged_together(task.metrics, [answer for answer in answers if isinstance(answer, Judged)], sampling)
