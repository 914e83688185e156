"""Scores of seen and unseen items, beside a reference model's; and what a task's items are."""

import numpy as np
import pytest

from harness.contamination.effect import difference_in_difference, gap, scores
from harness.contamination.items import items_of
from harness.contamination.rules import Verdict
from harness.metrics.classify import accuracy, percent
from harness.plugins import catalogue
from harness.run import plan
from harness.types import Example, Judged, Outcome, Settings


def outcomes(right: np.ndarray) -> list[Outcome]:
    return [Outcome(Example(str(i), {}), (), (), Judged("", {"accuracy": float(r)})) for i, r in enumerate(right)]


def test_items_that_are_easier_for_everybody_are_no_gap_against_a_reference() -> None:
    generator = np.random.default_rng(0)
    verdicts: dict[str, Verdict] = {str(i): "dirty" if i < 400 else "clean" for i in range(800)}
    easy = np.where(np.arange(800) < 400, 0.7, 0.3)
    one, two = outcomes(generator.random(800) < easy), outcomes(generator.random(800) < easy)
    plain = gap(accuracy, one, verdicts)
    assert plain.value == pytest.approx(0.4, abs=0.08) and plain.low is not None and plain.low > 0.25
    assert "they may also be easier" in plain.words
    both = difference_in_difference(accuracy, one, two, verdicts)
    assert both.low is not None and both.high is not None and both.low < 0 < both.high
    assert both.words == "no difference between seen and unseen items is shown"
    memorised = outcomes((generator.random(800) < easy) | (np.arange(800) < 400))
    more = difference_in_difference(accuracy, memorised, two, verdicts)
    assert more.low is not None and 0.15 < more.low < 0.3 < (more.high or 0)


def test_the_interval_covers_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    verdicts: dict[str, Verdict] = {str(i): "dirty" if i % 4 == 0 else "clean" for i in range(200)}
    held = 0
    for _ in range(300):
        found = difference_in_difference(
            accuracy, outcomes(generator.random(200) < 0.6), outcomes(generator.random(200) < 0.6), verdicts
        )
        held += found.low is not None and found.high is not None and found.low <= 0 <= found.high
    assert 0.91 < held / 300 < 0.98


def test_a_few_seen_items_that_are_all_right_tell_little() -> None:
    """Newcombe's method 10 of 5 of 5 less 9 of 10; the jackknife of the difference sees no error in the five."""
    verdicts: dict[str, Verdict] = {str(i): "dirty" if i < 5 else "clean" for i in range(15)}
    told = gap(accuracy, outcomes(np.arange(15) != 14), verdicts)
    assert (told.value, told.low, told.high) == pytest.approx((0.1, -0.34218, 0.40415), abs=1e-4)
    generator, held = np.random.default_rng(2), 0
    for _ in range(300):
        found = gap(accuracy, outcomes(generator.random(15) < 0.9), verdicts)
        held += found.low is not None and found.high is not None and found.low <= 0 <= found.high
    assert held / 300 > 0.9


def test_scores_are_told_for_each_side_and_too_few_items_say_so() -> None:
    verdicts: dict[str, Verdict] = {"0": "dirty", "1": "clean", "2": "between"}
    told = {e.slice: (e.value, e.n) for e in scores("t", accuracy, outcomes(np.array([1, 0, 1])), verdicts)}
    assert told == {"all": (pytest.approx(2 / 3), 3), "dirty": (1.0, 1), "clean": (0.0, 1)}
    alone = gap(accuracy, outcomes(np.array([1, 0])), {"0": "dirty", "1": "dirty"})
    assert (alone.value, alone.words) == (None, "not enough items on both sides to tell")


def test_a_gap_has_the_units_of_its_scores() -> None:
    verdicts: dict[str, Verdict] = {"0": "dirty", "1": "dirty", "2": "clean", "3": "clean"}
    told = outcomes(np.array([1, 1, 1, 0]))
    _, dirty, clean = scores("t", percent("accuracy"), told, verdicts)
    assert (dirty.value, clean.value) == (100.0, 50.0)
    found = gap(percent("accuracy"), told, verdicts)
    assert found.value == pytest.approx(50.0) and found.high is not None and 90 < found.high <= 100
    both = difference_in_difference(percent("accuracy"), told, outcomes(np.array([0, 1, 0, 1])), verdicts)
    assert both.value == pytest.approx(50.0) and both.low is not None and -200 <= both.low < -50


def test_the_items_of_a_task_are_its_texts_without_its_template() -> None:
    [planned] = plan([catalogue().tasks["demo/qa"]], Settings(shots=0), None)
    items = items_of(planned)
    example = planned.examples[0]
    assert len(items) == len(planned.examples)
    prompt = planned.requests[0][0].prompt  # type: ignore[union-attr]
    passage, question = items[0].question.split("\n")
    assert (
        passage in prompt
        and question in prompt
        and passage in example.fields.values()
        and question in example.fields.values()
    )
    assert "Question:" in prompt and "Question:" not in items[0].question and items[0].answer
