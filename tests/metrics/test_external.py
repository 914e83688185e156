"""Metrics from outside: their value is that of the thing itself, their interval is there or said to be missing."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from harness import run as running
from harness.errors import DataError, UnknownName, UsageError
from harness.kinds import About, Data, Decoding, generation
from harness.metrics import stats
from harness.metrics.external import AFFORDABLE, Spec, choice_measure, text_measure
from harness.metrics.measures import TextMeasure
from harness.types import Card, Chosen, Dataset, Estimate, Example, Generated, Judged, Outcome, Settings
from harness.variants import varied

FUNCTIONS = """
def share_of_vowels(predictions, references):
    letters = "".join(predictions)
    return sum(letter in "aeiou" for letter in letters) / len(letters)

def right(predictions, references):
    hits = sum(p in r for p, r in zip(predictions, references, strict=True))
    return {"right": hits / len(predictions), "hits": hits}

def agreement(predictions, references):
    return sum(p == r for p, r in zip(predictions, references, strict=True)) / len(predictions)

def broken(predictions, references):
    raise RuntimeError("the moon is full")

def words(predictions, references):
    return "many"
"""
SCRIPT = '''
import datasets
import evaluate

class Shared(evaluate.Metric):
    """Share of reference words that the predictions have."""

    def _info(self):
        features = datasets.Features({"predictions": datasets.Value("string"), "references": REFERENCES})
        return evaluate.MetricInfo(description="made up", citation="", features=features)

    def _compute(self, predictions, references):
        both = [(p, r if isinstance(r, str) else " ".join(r)) for p, r in zip(predictions, references)]
        have = sum(len(set(p.split()) & set(r.split())) for p, r in both)
        return {"shared": have / sum(len(set(r.split())) for _, r in both), "pairs": float(len(both))}
'''
ONE, MANY = 'datasets.Value("string")', 'datasets.Sequence(datasets.Value("string"))'


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(FUNCTIONS)
    return tmp_path


def script(place: Path, references: str) -> str:
    folder = place / "shared"
    folder.mkdir()
    (folder / "shared.py").write_text(SCRIPT.replace("REFERENCES", references))
    return "evaluate:shared"


def estimate(measure: TextMeasure, answers: list[str], references: list[tuple[str, ...]]) -> Estimate:
    """A text measure over answers, as a run computes it."""
    metric, outcomes = measure.metric, []
    for number, (answer, target) in enumerate(zip(answers, references, strict=True)):
        example = Example(str(number), {}, target)
        own = measure.value(example, answer)
        outcomes.append(Outcome(example, (), (), Judged(answer, {} if own is None else {metric.name: own})))
    return running.estimate("task", metric, "all", outcomes)


def test_a_corpus_metric_is_computed_over_all_texts_at_once(place: Path) -> None:
    measure = text_measure(Spec(use="python:own.py:share_of_vowels", base=place))
    answers = ["a", "bcd", "xyzi", "a"]
    assert measure.metric.name == "share_of_vowels"
    assert estimate(measure, answers, [("r",)] * 4).value == 3 / 9
    assert estimate(measure, answers[:2], [("r",)] * 2).value == 1 / 4
    each = text_measure(Spec(use="python:own.py:share_of_vowels", base=place, level="example", better="lower"))
    assert estimate(each, answers, [("r",)] * 4).value == (1 + 0 + 1 / 4 + 1) / 4
    assert (each.metric.interval, each.metric.better) == ("t", "lower")


def test_its_interval_is_that_of_the_bootstrap_while_it_is_affordable(place: Path) -> None:
    measure = text_measure(Spec(use="python:own.py:right", base=place))
    draw = np.random.default_rng(0)
    for count in (AFFORDABLE, AFFORDABLE + 1):
        answers = ["yes" if hit else "no" for hit in draw.random(count) < 0.7]
        found = estimate(measure, answers, [("yes",)] * count)
        assert (found.value, found.n) == (answers.count("yes") / count, count)
        if count > AFFORDABLE:
            assert found.low is None
        else:
            assert found.low is not None and found.high is not None
            half = 1.96 * math.sqrt(0.7 * 0.3 / count)
            assert found.high - found.low == pytest.approx(2 * half, rel=0.25)
    assert f"no interval above {AFFORDABLE} examples" in measure.metric.limits


def test_a_range_that_is_stated_keeps_the_interval_and_refuses_what_lies_outside(place: Path) -> None:
    said, right = ["yes"] * 9 + ["no"], [("yes",)] * 10
    free = estimate(text_measure(Spec(use="python:own.py:right", base=place)), said, right)
    kept = estimate(text_measure(Spec(use="python:own.py:right", base=place, range=(0, 1))), said, right)
    assert free.high is not None and kept.high is not None and free.high > 1 >= kept.high
    unknown = estimate(text_measure(Spec(use="python:own.py:right", base=place)), said[:3], right[:3])
    known = estimate(text_measure(Spec(use="python:own.py:right", base=place, range=(0, 1))), said[:3], right[:3])
    assert (unknown.value, unknown.low, unknown.high) == (1, None, None)
    assert (known.low, known.high) == (pytest.approx(0.025 ** (1 / 3)), 1)
    for wrong in ((0.0, 0.5), (1.0, 2.0)):
        with pytest.raises(DataError, match="outside its range from"):
            estimate(text_measure(Spec(use="python:own.py:right", base=place, range=wrong)), said, right)
    with pytest.raises(UsageError, match="does not begin below its end"):
        text_measure(Spec(use="python:own.py:right", base=place, range=(1, 1)))


def test_samples_hold_no_value_that_stands_for_a_text(place: Path) -> None:
    measure = text_measure(Spec(use="python:own.py:right", base=place))
    assert measure.value(Example("1", {}, ("yes",)), "yes") is None
    assert math.isnan(stats.point(measure.metric, np.array([[1.0], [2.0]])))  # as samples of older releases have them


def test_variants_of_whole_answers_are_computed_of_their_own_answers(place: Path) -> None:
    measure = text_measure(Spec(use="python:own.py:right", base=place))
    rows = [{"question": "Did she go?", "answer": "her"}] * 3
    task = generation(
        "quiz", data=Data(Dataset("quiz")), prompt="{question}", target="answer", decoding=Decoding(5),
        measures=(measure,), about=About(version=1, card=Card(measures="", limits="", source="", licence="")),
    )  # fmt: skip
    swapped = varied(task, Settings(counterfactual=("gender",)))
    asked = running.sheet(swapped, task.read(rows, task.dataset[0]))
    assert all("gender" in [changed.label for changed in own] for own in asked.alternatives)
    outcomes = []
    sheet = zip(asked.examples, asked.requests, asked.alternatives, strict=True)
    for (example, requests, own), said in zip(sheet, ("her", "her", "it"), strict=True):
        texts = [said, *("him" if changed.label == "gender" else said for changed in own)]
        responses = tuple(Generated(text, 1, "end") for text in texts)
        outcomes.append(running.judge_one(swapped, example, requests, responses))
    found = {e.metric: e.value for e in running.summarise(swapped, outcomes) if e.slice == "all"}
    assert (found["right"], found["right:gender"], found["right:gender_floor"]) == (2 / 3, 1, 2 / 3)


def test_a_key_and_choices(place: Path) -> None:
    hits = text_measure(Spec(use="python:own.py:right#hits", base=place, name="count"))
    found = estimate(hits, ["a", "b"], [("a",)] * 2)
    assert (found.metric, found.value) == ("count", 1.0)
    metric = choice_measure(Spec(use="python:own.py:agreement", base=place)).metric
    picked = [
        Outcome(Example(str(i), {}, 1), (), (Chosen(pick),), Judged("", {})) for i, pick in enumerate((1, 1, 0, 2))
    ]
    assert running.estimate("task", metric, "all", picked).value == 0.5


@pytest.mark.parametrize(("references", "reference"), [(ONE, ("b c",)), (MANY, ("b", "c"))])
def test_a_metric_of_the_evaluate_library_from_a_folder(place: Path, references: str, reference: tuple) -> None:
    use = script(place, references)
    measure = text_measure(Spec(use=use, base=place), load=True)
    assert estimate(measure, ["a b", "c b"], [reference] * 2).value == 3 / 4
    pairs = text_measure(Spec(use=use + "#pairs", base=place))
    assert estimate(pairs, ["a b", "c b"], [reference] * 2).value == 2.0
    assert measure.metric.signature.startswith("evaluate:shared|corpus|evaluate:0.")
    before = text_measure(Spec(use="evaluate:shared", base=place)).metric.contents
    (place / "shared" / "shared.py").write_text("# another")
    assert text_measure(Spec(use="evaluate:shared", base=place)).metric.contents != before


def test_several_references_for_a_metric_of_one(place: Path) -> None:
    measure = text_measure(Spec(use=script(place, ONE), base=place))
    with pytest.raises(DataError, match="takes one reference an example; there are 2"):
        estimate(measure, ["a"], [("a", "b")])


@pytest.mark.parametrize(
    ("use", "error", "said"),
    [
        ("evaluate:no_such_metric", UsageError, "is not at hand: no folder or script"),
        ("python:own.py:rigth", UnknownName, "did you mean right"),
        ("python:none.py:right", UsageError, "none.py cannot be imported"),
        ("python:no_such_module:right", UsageError, "ModuleNotFoundError"),
        ("python:right", UsageError, "is not written python:MODULE:FUNCTION"),
        ("evalaute:rouge", UnknownName, "did you mean evaluate"),
        ("no_such_plug_in", UnknownName, "unknown metric"),
    ],
)
def test_what_is_not_there_is_told_at_once(place: Path, use: str, error: type, said: str) -> None:
    with pytest.raises(error, match=said) as raised:
        text_measure(Spec(use=use, base=place), load=True)
    assert "\n" not in str(raised.value)


def test_a_metric_that_fails_or_gives_no_number_is_named(place: Path) -> None:
    for name, said in (("broken", "RuntimeError: the moon is full"), ("words", "gives 'many', not a number")):
        measure = text_measure(Spec(use=f"python:own.py:{name}", base=place))
        with pytest.raises(DataError, match=said):
            estimate(measure, ["a"], [("a",)])
    unclear = text_measure(Spec(use="python:own.py:right#wrong", base=place))
    with pytest.raises(UsageError, match="gives right, hits: name one as"):
        estimate(unclear, ["a"], [("a",)])


def test_torchmetrics_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchmetrics", None)  # as Python remembers one that is not there
    with pytest.raises(UsageError, match="needs the package torchmetrics, which is not installed"):
        text_measure("torchmetrics:BLEUScore")


@pytest.mark.skipif(importlib.util.find_spec("torchmetrics") is None, reason="torchmetrics is not installed")
def test_torchmetrics_that_is_there_is_used() -> None:
    bleu = (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    for use, references, expected in (
        ("torchmetrics:WordErrorRate", ("a b c d e",), 1 / 5),
        ("torchmetrics:BLEUScore", ("none of it", "a b c d e"), bleu),
    ):
        measure = text_measure(use, load=True)
        assert estimate(measure, ["a b c d x"], [references]).value == pytest.approx(expected, abs=1e-6)
