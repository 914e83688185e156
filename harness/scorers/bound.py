"""Tasks whose judge needs the score of a text: unbound in the catalogue, whole once a run has named a scorer."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.types import Example, Failed, Generated, Judged, Metric, Response, Scorer, Task

JudgeScores = Callable[[Example, Sequence[str], Sequence[float]], Judged]
"""(example, the generated texts, their scores) -> what was found."""


def scored(task: Task, judge: JudgeScores) -> Task:
    """A task of Generate requests that is judged by the scores of its texts, in the order of the requests.

    As it is, every example fails; ``task.bind(task, scorer)`` is the task that can be judged.
    """

    def bind(own: Task, scorer: Scorer) -> Task:
        def judged(example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
            texts = texts_of(responses)
            found = scorer.score(texts)
            failure = next((score for score in found if isinstance(score, Failed)), None)
            scores = [score for score in found if not isinstance(score, Failed)]
            return failure or judge(example, texts, scores)

        def worst(example: Example) -> tuple[Response, ...]:
            return tuple(Generated(scorer.sample, 1, "end") for _ in own.worst(example))

        return replace(
            own, judge=judged, worst=worst, bind=None, scorer=scorer,
            metrics=tuple(signed(metric, scorer) for metric in own.metrics),
        )  # fmt: skip

    return replace(task, judge=_unbound, bind=bind)


def texts_of(responses: Sequence[Response]) -> list[str]:
    """The texts among responses, in order."""
    return [response.text for response in responses if isinstance(response, Generated)]


def signed(metric: Metric, scorer: Scorer) -> Metric:
    """The metric with the scorer in its signature, so that numbers of two scorers are never taken for comparable."""
    parts = ", ".join(f"{key} {value[:12]}" for key, value in sorted(scorer.fingerprint.items()))
    return replace(metric, signature=f"scorer {scorer.name} ({parts})")


def _unbound(example: Example, responses: tuple[Response, ...]) -> Failed:
    return Failed("no scorer", "the task was not bound to a scorer")
