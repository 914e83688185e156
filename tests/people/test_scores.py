"""Scores of single ratings, and published evaluations by people to their printed digits."""

from pathlib import Path

import numpy as np
import pytest
from people import checks, side_by_side

from harness.errors import UnknownName
from harness.people.scores import mqm, standardised

PUBLISHED = {"WMT22": 4, "MQM": 2, "AlpacaEval": 1, "LLMBar": 3}


def test_a_strict_and_a_kind_rater_of_like_texts_have_like_scores() -> None:
    raw, raters = np.array([10.0, 20, 60, 70, 85, 90]), np.array([0, 0, 1, 1, 2, 3])
    z = standardised(raw, raters)
    assert z[:4] == pytest.approx([-(0.5**0.5), 0.5**0.5] * 2)
    assert np.isnan(z[4:]).all()  # one score alone says nothing
    assert np.isnan(standardised(np.full(3, 50.0), np.zeros(3, int))).all()


@pytest.mark.parametrize(
    ("errors", "score"),
    [
        ([], 0),
        ([("Accuracy/Mistranslation", "Major"), ("Style/Awkward", "minor"), ("Other", "Neutral")], 6),
        ([("Fluency/Punctuation", "Minor"), ("Fluency/Punctuation", "Major")], 5.1),
        ([("Style/Awkward", "Minor"), ("Non-translation!", "Major"), ("Style/Awkward", "Major")], 25),
    ],
)
def test_marked_errors_have_the_weights_of_mqm(errors: list[tuple[str, str]], score: float) -> None:
    assert mqm(errors) == pytest.approx(score)


def test_an_unknown_severity_is_told() -> None:
    with pytest.raises(UnknownName, match="unknown severity 'critical'"):
        mqm([("Accuracy", "critical")])


@pytest.mark.mirror
def test_published_evaluations_by_people_come_out_to_their_printed_digits(mirror: Path) -> None:
    found = list(checks(mirror / "predictions" / "human"))
    assert {name: sum(one.name.startswith(name) for one in found) for name in PUBLISHED} == PUBLISHED
    assert sum(one.compared for one in found) == 1067
    assert [one.differ for one in found if one.differ] == []


@pytest.mark.mirror
def test_experts_agree_on_marked_errors_better_than_chance_and_far_from_perfectly(mirror: Path) -> None:
    found = side_by_side(mirror / "predictions" / "human" / "sxs_mqm")
    alpha = found["score, alpha (interval)"]
    assert alpha.items == 3770 and alpha.value is not None and 0.3 < alpha.value < 0.6
