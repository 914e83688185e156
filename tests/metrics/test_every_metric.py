"""Every metric of every installed task, at two to ten examples: no value and no interval that cannot be."""

import itertools
import math
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import DataError
from harness.plugins import catalogue
from harness.run import judge_one, plan, summarise
from harness.types import Estimate, Metric, Outcome, Settings, Task
from harness.variants import varied

TASKS = catalogue().tasks
UNANSWERED = {"glue/ax", "superglue/axg"}
"""Diagnostic sets whose metrics other tasks have too, and whose data hardly anybody has."""
WITHOUT_WIDTH = 1e-3
"""An interval narrower than this share of its metric's range, or of the distance to its only limit, has no width."""
EDGE = 1e-6
"""So near to the limit of a range that is open above, an answer is surer than any model is: an oracle's."""


def covering() -> list[str]:
    """Tasks of which every metric of any task is one, those with their data in the package first."""
    names = sorted(TASKS, key=lambda name: (not name.startswith("demo/"), name.count("/") > 0, name))
    chosen, seen = [], set(UNANSWERED)
    for name in (name for name in names if name not in UNANSWERED):
        own = {metric.name for metric in TASKS[name].metrics}
        if not own <= seen:
            chosen.append(name)
            seen |= own
    return chosen


def answered(task: Task, data: Path | None, limit: int) -> Iterator[list[Outcome]]:
    """Outcomes of a task all of whose answers are right, all wrong, all but one right, and of both by turns and lot."""
    [planned] = plan([task], Settings(limit=limit, shots=0), data)
    draw = random.Random(limit)
    rights = [
        [True] * limit,
        [False] * limit,
        [place > 0 for place in range(limit)],
        [place % 2 == 0 for place in range(limit)],
        [draw.random() < 0.7 for _ in range(limit)],
    ]
    for right in rights:
        yield [
            judge_one(task, example, requests, (task.best if good else task.worst)(example))
            for example, requests, good in zip(planned.examples, planned.requests, right, strict=False)
        ]


def flaws(metric: Metric, number: Estimate) -> Iterator[str]:
    """What cannot be of a number and its interval."""
    low, high = metric.bounds
    if number.value is None:
        return
    if not low - 1e-9 <= number.value <= high + 1e-9:
        yield f"{number} lies outside {metric.bounds}"
    if number.low is None or number.high is None:
        return
    if not low - 1e-9 <= number.low <= number.value + 1e-9 or not number.value - 1e-9 <= number.high <= high + 1e-9:
        yield f"{number} has an end outside {metric.bounds}, or on the wrong side of its value"
    unit = high - low if math.isfinite(high - low) else number.value - low if math.isfinite(low) else 1.0
    if number.high - number.low < WITHOUT_WIDTH * unit or (number.high == number.low and unit > EDGE):
        yield f"{number} has an interval without width"


def impossible(task: Task, data: Path | None) -> list[str]:
    metrics = {metric.name: metric for metric in task.metrics}
    return [
        flaw
        for limit in (2, 3, 5, 10)
        for outcomes in answered(task, data, limit)
        for number in summarise(task, outcomes)
        if number.metric in metrics  # not those of a scorer on its own sentences
        for flaw in flaws(metrics[number.metric], number)
    ]


@pytest.mark.parametrize("name", covering())
def test_no_number_of_a_task_is_impossible(name: str, request: pytest.FixtureRequest) -> None:
    packaged = all(dataset.path for dataset in TASKS[name].dataset)
    data = None if packaged else request.getfixturevalue("mirror")
    try:
        assert impossible(TASKS[name], data) == []
    except DataError as error:
        if "was not found" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.mark.parametrize("name", ["demo/sentiment", "demo/qa"])
def test_no_number_of_a_changed_task_is_impossible(name: str) -> None:
    changes = Settings(perturb=("typos",), strength=(0.1,), counterfactual=("gender",))
    task = varied(TASKS[name], changes)
    assert {metric.family for metric in task.metrics} >= {"score", "variant"}
    for limit, share in itertools.product((2, 3, 5, 10), (0.0, 0.5, 1.0)):
        [planned] = plan([task], Settings(limit=limit), None)
        draw, metrics = random.Random(limit), {metric.name: metric for metric in task.metrics}
        outcomes = []
        for example, requests, others in zip(planned.examples, planned.requests, planned.alternatives, strict=True):
            answers = [
                response
                for changed in (example, *(one.example for one in others))
                for response in (TASKS[name].best if draw.random() < share else TASKS[name].worst)(changed)
            ]
            outcomes.append(judge_one(task, example, requests, tuple(answers), None, others))
        numbers = summarise(task, outcomes)
        assert [flaw for number in numbers for flaw in flaws(metrics[number.metric], number)] == []


def test_what_is_planted_is_seen() -> None:
    metric = next(metric for metric in TASKS["demo/pronouns"].metrics if metric.name == "stereotyped")
    for value, low, high in ((90.0, 78.5, 101.5), (50.0, 50.0, 50.0), (50.0, 60.0, 70.0), (-1.0, None, None)):
        assert list(flaws(metric, Estimate("t", metric.name, "all", value, low, high, 9, 9, 0)))
    assert not list(flaws(metric, Estimate("t", metric.name, "all", 90.0, 78.5, 97.5, 9, 9, 0)))
