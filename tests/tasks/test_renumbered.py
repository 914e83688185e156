"""Questions with other numbers: which may change, what the answers then are, and what is left out and counted."""

from fractions import Fraction
from pathlib import Path

import pytest

from harness.api import evaluate
from harness.data import load
from harness_tasks.renumbered import RENUMBERED, VARIANTS, renumberable
from harness_tasks.renumbering import LeftOut, computed, renumbering

SHOP = "Ann has 48 shells and sells 13 of them. She packs the others into 5 boxes. How many are in a box?"
SOLVED = "She has 48-13=<<48-13=35>>35 left.\nA box has 35/5=<<35/5=7>>7.\n#### 7"


def test_the_answer_is_computed_again_from_the_solution() -> None:
    plan = renumbering(SHOP, SOLVED)
    assert [value for _, value in plan.places.values()] == [48, 13, 5]
    for seed in "abcdef":
        question, answer = plan.draw(seed)
        have, sold, boxes = (int(word) for word in question.split() if word.isdigit())
        assert (have - sold) == boxes * answer and answer > 0 and answer != 7
        assert (question, answer) == plan.draw(seed)
    assert len({plan.draw(seed) for seed in "abcdef"}) > 3
    assert computed(plan.steps, {}) == [Fraction(35), Fraction(7)]


def test_thousands_keep_their_commas_and_shares_stay_below_a_hundred() -> None:
    plan = renumbering(
        "A house costs $80,000. The bank pays 20% of it. What does the bank pay?",
        "The bank pays 80,000*20/100=<<80000*20/100=16000>>16,000\n#### 16000",
    )
    for seed in range(20):
        question, answer = plan.draw(str(seed))
        cost, share = (question.split("$")[1].split(".")[0], question.split("pays ")[1].split("%")[0])
        assert "," in cost and 0 < int(share) < 100 and int(cost.replace(",", "")) * int(share) == 100 * answer


@pytest.mark.parametrize(
    ("question", "solution", "reason"),
    [
        (SHOP, "It is 7.\n#### 7", "no annotations"),
        (SHOP, SOLVED.replace("35/5=7>>", "35/5=8>>").replace("#### 7", "#### 8"), "does not compute"),
        (SHOP, SOLVED.replace("35/5=7", "35**5=7"), "does not compute"),
        (SHOP, SOLVED.replace("35/5=7", "__import__('os')=7"), "does not compute"),
        (SHOP, SOLVED.replace("#### 7", "#### 8"), "not the last result"),
        (SHOP, SOLVED.replace("<<48-13=35>>", ""), "comes from nowhere"),  # 35 was worked out without a note
        (SHOP.replace("boxes", "boxes, 35 in all"), SOLVED, "may mean two things"),
        (SHOP.replace("How many", "If there are over 3, how many"), SOLVED, "a condition"),
        ("Ann has two cats and a dog. How many pets?", "2+1=<<2+1=3>>3\n#### 3", "no number that can change"),
    ],
)
def test_whatever_is_not_beyond_doubt_is_left_out(question: str, solution: str, reason: str) -> None:
    with pytest.raises(LeftOut, match=reason):
        renumbering(question, solution)


def test_a_number_that_stands_twice_or_in_words_does_not_change() -> None:
    plan = renumbering("Three boys buy 3 pens at $14 each. What do they pay?", "3*14=<<3*14=42>>42 dollars\n#### 42")
    assert [value for _, value in plan.places.values()] == [14]


@pytest.mark.mirror
def test_what_is_left_out_of_gsm8k_is_counted(mirror: Path) -> None:
    kept, left_out = renumberable(load(RENUMBERED.dataset[0], mirror).rows)
    assert (len(kept), len(kept) + left_out.total()) == (346, 1319)
    assert left_out["an operand that may mean two things"] == 504 and left_out["no annotations"] == 18
    assert all(len({question for question, _ in row["variants"]} | {row["question"]}) > 1 for row in kept)
    assert {len(row["variants"]) for row in kept} == {VARIANTS}


@pytest.mark.mirror
def test_the_gap_is_paired_by_question(mirror: Path, tmp_path: Path) -> None:
    def told(model: str) -> dict[str, tuple[float | None, int, int]]:
        result = evaluate(model, RENUMBERED.name, store=str(tmp_path / "s"), data=mirror)
        return {e.metric: (e.value, e.n, e.clusters) for e in result.estimates if e.slice == "all"}

    assert told("scripted:oracle") == {
        "renumbered": (1, 346, 346),
        "original": (1, 346, 346),
        "renumbering_gap": (0, 346, 346),
    }
    known = told("scripted:opposite")  # every other question by heart, nothing else
    assert known["renumbered"][0] == 0 and known["renumbering_gap"] == known["original"]
    assert 0.4 < (known["renumbering_gap"][0] or 0) < 0.6
