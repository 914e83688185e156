"""Tasks whose judge needs the score of a text: unbound in the catalogue, whole once a run has named a scorer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from harness.types import Example, Failed, Generated, Judged, Metric, Response, Score, Scorer, Task

JudgeScores = Callable[[Example, Sequence[str], Sequence[float]], Judged | Failed]
"""(example, the generated texts, their scores) -> the judgement."""

Scores = Mapping[str, Score]
"""Text -> its score."""


def scored(task: Task, judge: JudgeScores) -> Task:
    """A task of Generate requests that is judged by the scores of its texts, in the order of the requests.

    As it is, every example fails; ``task.bind(task, scorer)`` is the task that can be judged.
    """

    def bind(own: Task, scorer: Scorer) -> Task:
        def worst(example: Example) -> tuple[Response, ...]:
            return tuple(Generated(scorer.sample, 1, "end") for _ in own.worst(example))

        return replace(
            own,
            judge_scores=judge,
            worst=worst,
            bind=None,
            scorer=scorer,
            metrics=tuple(signed(metric, scorer) for metric in own.metrics),
        )

    return replace(task, judge=_unbound, bind=bind)


def score_texts(texts: Sequence[tuple[Task, Sequence[str]]]) -> dict[str, Scores]:
    """By task what its scorer says of its texts; every distinct text is scored once.

    Tasks without a scorer have no scores; tasks with the same one share them.
    """
    known: dict[int, dict[str, Score]] = {}
    for task, own in texts:
        if task.scorer:
            kept = known.setdefault(id(task.scorer), {})
            new = [text for text in dict.fromkeys(own) if text not in kept]
            kept.update(zip(new, task.scorer.score(new), strict=True))
    return {task.name: known[id(task.scorer)] if task.scorer else {} for task, _ in texts}


def judge_by_scores(task: Task, scores: Scores, example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
    """What the task's judge says of the scores of the example's texts; a text without a score fails the example."""
    if task.judge_scores is None:
        return task.judge(example, responses)
    texts = texts_of(responses)
    own = [scores[text] for text in scored_texts(task, example, responses)]
    failure = next((one for one in own if isinstance(one, Failed)), None)
    return failure or task.judge_scores(example, texts, [one for one in own if not isinstance(one, Failed)])


def texts_of(responses: Sequence[Response]) -> list[str]:
    """The texts among responses, in order."""
    return [response.text for response in responses if isinstance(response, Generated)]


def scored_texts(task: Task, example: Example, responses: Sequence[Response]) -> list[str]:
    """What the scorer of a task reads of an example's responses: the texts, or what they are judged as."""
    read = task.judged_as
    return [each for text in texts_of(responses) for each in (read(example, text) if read else (text,))]


def audited(task: Task) -> bool:
    """Whether a task's scorer scores texts as such, so that its false positives are looked at."""
    return task.scorer is not None and task.judged_as is None


def signed(metric: Metric, scorer: Scorer) -> Metric:
    """The metric with the scorer in its signature, so that numbers of two scorers are never taken for comparable."""
    return replace(metric, signature=f"scorer {pinned(scorer)}")


def pinned(scorer: Scorer) -> str:
    """The scorer's name and, in short, everything that can change a score."""
    parts = ", ".join(f"{key} {value[:12]}" for key, value in sorted(scorer.fingerprint.items()))
    return f"{scorer.name} ({parts})"


def _unbound(example: Example, responses: tuple[Response, ...]) -> Failed:
    return Failed("no-scorer", "the task was not bound to a scorer")
