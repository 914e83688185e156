"""Metrics from outside: their value is that of the thing itself, their interval is there or said to be missing."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from harness.errors import DataError, UnknownName, UsageError
from harness.metrics import stats
from harness.metrics.outside import AFFORDABLE, Spec, choice_measure, text_measure
from harness.types import Chosen, Example

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


def rows(measure, answers: list[str], references: list[tuple[str, ...]]) -> np.ndarray:
    examples = [Example(str(i), {}, target) for i, target in enumerate(references)]
    return np.array([[measure.value(e, answer)] for e, answer in zip(examples, answers, strict=True)])


def test_a_corpus_metric_is_computed_over_all_texts_at_once(place: Path) -> None:
    measure = text_measure(Spec(use="python:own.py:share_of_vowels", base=place))
    answers = ["a", "bcd", "xyzi", "a"]
    table = rows(measure, answers, [("r",)] * 4)
    assert measure.metric.name == "share_of_vowels"
    assert stats.point(measure.metric, table) == 3 / 9
    assert stats.point(measure.metric, table[:2]) == 1 / 4
    each = text_measure(Spec(use="python:own.py:share_of_vowels", base=place, level="example", better="lower"))
    assert stats.point(each.metric, rows(each, answers, [("r",)] * 4)) == (1 + 0 + 1 / 4 + 1) / 4
    assert (each.metric.interval, each.metric.better) == ("t", "lower")


def test_its_interval_is_that_of_the_bootstrap_while_it_is_affordable(place: Path) -> None:
    measure = text_measure(Spec(use="python:own.py:right", base=place))
    draw = np.random.default_rng(0)
    for count in (AFFORDABLE, AFFORDABLE + 1):
        answers = ["yes" if hit else "no" for hit in draw.random(count) < 0.7]
        table = rows(measure, answers, [("yes",)] * count)
        found = stats.confidence(measure.metric, table, np.arange(count))
        assert stats.point(measure.metric, table) == answers.count("yes") / count
        if count > AFFORDABLE:
            assert found is None
        else:
            low, high = found
            half = 1.96 * math.sqrt(0.7 * 0.3 / count)
            assert high - low == pytest.approx(2 * half, rel=0.25)
    assert f"no interval above {AFFORDABLE} examples" in measure.metric.limits


def test_texts_of_another_process_give_no_value_instead_of_a_wrong_one(place: Path) -> None:
    first, second = (text_measure(Spec(use="python:own.py:right", base=place)) for _ in range(2))
    table = rows(first, ["yes", "no"], [("yes",)] * 2)
    assert stats.point(first.metric, table) == 0.5
    assert math.isnan(stats.point(second.metric, table))


def test_a_key_and_choices(place: Path) -> None:
    hits = text_measure(Spec(use="python:own.py:right#hits", base=place, name="count"))
    assert (hits.metric.name, stats.point(hits.metric, rows(hits, ["a", "b"], [("a",)] * 2))) == ("count", 1.0)
    agreement = choice_measure(Spec(use="python:own.py:agreement", base=place))
    picked = [agreement.value(Example(str(i), {}, 1), pick, Chosen(pick)) for i, pick in enumerate((1, 1, 0, 2))]
    assert stats.point(agreement.metric, np.array(picked)) == 0.5


@pytest.mark.parametrize(("references", "reference"), [(ONE, ("b c",)), (MANY, ("b", "c"))])
def test_a_metric_of_the_evaluate_library_from_a_folder(place: Path, references: str, reference: tuple) -> None:
    use = script(place, references)
    measure = text_measure(Spec(use=use, base=place), load=True)
    assert stats.point(measure.metric, rows(measure, ["a b", "c b"], [reference] * 2)) == 3 / 4
    pairs = text_measure(Spec(use=use + "#pairs", base=place))
    assert stats.point(pairs.metric, rows(pairs, ["a b", "c b"], [reference] * 2)) == 2.0
    assert measure.metric.signature.startswith("evaluate:shared|corpus|evaluate:0.")
    before = text_measure(Spec(use="evaluate:shared", base=place)).metric.signature
    (place / "shared" / "shared.py").write_text("# another")
    assert text_measure(Spec(use="evaluate:shared", base=place)).metric.signature != before


def test_several_references_for_a_metric_of_one(place: Path) -> None:
    measure = text_measure(Spec(use=script(place, ONE), base=place))
    with pytest.raises(DataError, match="takes one reference an example; there are 2"):
        stats.point(measure.metric, rows(measure, ["a"], [("a", "b")]))


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
            stats.point(measure.metric, rows(measure, ["a"], [("a",)]))
    unclear = text_measure(Spec(use="python:own.py:right#wrong", base=place))
    with pytest.raises(UsageError, match="gives right, hits: name one as"):
        stats.point(unclear.metric, rows(unclear, ["a"], [("a",)]))


@pytest.mark.skipif(importlib.util.find_spec("torchmetrics") is not None, reason="torchmetrics is installed")
def test_torchmetrics_that_is_missing_is_named() -> None:
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
        assert stats.point(measure.metric, rows(measure, ["a b c d x"], [references])) == pytest.approx(
            expected, abs=1e-6
        )
