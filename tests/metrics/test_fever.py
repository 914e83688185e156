"""FEVER score against the cases of the published scorer's own tests."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError
from harness.metrics.fever import Claim, FeverNumber, claims_of, fever_score

NONE = "NOT ENOUGH INFO"
GROUP = frozenset({("page1", 1), ("page2", 0)})


def value(number: FeverNumber | None) -> float | None:
    return number.value if number else None


def unknown(*predicted: str) -> list[Claim]:
    return [Claim(NONE, (), label, ()) for label in predicted]


@pytest.mark.parametrize(
    ("predicted", "strict", "accuracy"),
    [((NONE, NONE), 1.0, 1.0), (("REFUTES", "SUPPORTS"), 0.0, 0.0), ((NONE, "REFUTES"), 0.5, 0.5)],
)
def test_of_claims_without_evidence_the_label_counts_alone(
    predicted: tuple[str, ...], strict: float, accuracy: float
) -> None:
    told = fever_score(unknown(*predicted))
    assert (told.score.value, told.accuracy.value, told.score.n) == (strict, accuracy, 2)
    assert (told.precision, told.recall, told.f1, told.with_evidence) == (None, None, None, 0)


def test_a_right_label_needs_a_whole_group_of_evidence() -> None:
    part = Claim("REFUTES", (GROUP,), "REFUTES", (("page3", 2),))
    whole = Claim("REFUTES", (GROUP,), "REFUTES", (("page1", 1), ("page2", 0), ("page3", 2)))
    told = fever_score([part, whole])
    assert (told.score.value, told.accuracy.value) == (0.5, 1.0)
    precision, recall, f1 = told.precision, told.recall, told.f1
    assert precision and recall and f1 and precision.n == recall.n == f1.n == 2
    assert precision.value == pytest.approx(1 / 3) and recall.value == 0.5 and f1.value == pytest.approx(0.4)
    assert told.score.low is not None and told.score.high is not None and told.score.low < 0.5 < told.score.high
    wrong = Claim("SUPPORTS", (GROUP,), "REFUTES", whole.predicted_evidence)
    assert fever_score([wrong]).score.value == 0.0 and value(fever_score([wrong]).recall) == 1.0


def test_every_number_has_its_interval_within_0_and_1() -> None:
    part = Claim("REFUTES", (GROUP,), "REFUTES", (("page1", 1), ("page3", 2)))
    whole = Claim("REFUTES", (GROUP,), "REFUTES", tuple(GROUP))
    told = fever_score([part, whole, whole, part, whole] * 4)
    for number in (told.score, told.accuracy, told.precision, told.recall, told.f1):
        assert number and number.low is not None and number.high is not None and number.n == 20
        assert 0 <= number.low <= number.value <= number.high <= 1 and number.low < number.high
    assert fever_score([part]).f1 == FeverNumber(0.0, None, None, 1)


def test_a_claim_whose_evidence_is_missing_is_not_proven() -> None:
    """As the published scorer has it: no score for the claim, and nothing that recall could miss."""
    told = fever_score([Claim("SUPPORTS", (), "SUPPORTS", (("page1", 1),))])
    assert (told.score.value, told.accuracy.value, value(told.recall)) == (0.0, 1.0, 1.0)


def test_only_the_first_five_sentences_count() -> None:
    others = tuple(("other", i) for i in range(5))
    assert not Claim("REFUTES", (GROUP,), "REFUTES", (*others, *GROUP)).complete
    assert Claim("REFUTES", (frozenset({("a", 1)}), GROUP), "REFUTES", (*GROUP, *others)).complete
    assert Claim("REFUTES", (GROUP,), "REFUTES", ()).precision == 1.0


ROW: dict[str, Any] = {
    "label": "refutes", "evidence": [[[1, 2, "page1", 1], [1, 3, "page2", 0]]],
    "predicted_label": "REFUTES", "predicted_evidence": [["page2", 0], ["page1", 1]],
}  # fmt: skip


def test_a_file_of_the_shared_task(tmp_path: Path) -> None:
    empty = {"label": NONE, "evidence": [[[1, None, None, None]]], "predicted_label": NONE, "predicted_evidence": []}
    (tmp_path / "c.jsonl").write_text(f"{json.dumps(ROW)}\n{json.dumps(empty)}\n")
    told = fever_score(claims_of(tmp_path / "c.jsonl"))
    assert (told.score.value, value(told.f1), told.with_evidence) == (1.0, 1.0, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"label": "maybe"}, "label is 'maybe', none of SUPPORTS"),
        ({"predicted_evidence": [["page", "1"]]}, "is no sentence of evidence"),
        ({"predicted_evidence": "page"}, "not a list of lists"),
        ({"evidence": [[1]]}, "not a list of lists"),
        ({"evidence": [[[1, 2, "page"]]]}, "is no sentence of evidence"),
    ],
)
def test_a_row_that_is_no_claim_is_named(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text(json.dumps(ROW | change))
    with pytest.raises(DataError, match=said):
        claims_of(tmp_path / "c.jsonl")
    with pytest.raises(DataError, match="an empty result is not a score"):
        fever_score([])
