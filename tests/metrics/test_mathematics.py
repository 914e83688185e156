"""Answers of mathematics: found in a solution, and equal however they are written."""

import time
from pathlib import Path

import pytest

from harness.metrics.mathematics import boxed, final_answer, same_answer
from harness.reading.tables import read_rows


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"First \boxed{1}, then \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"So \boxed 7$ it is", "7"),
        (r"\fbox{ a }", "a"),
        (r"\boxed{never closed", None),
        ("The final answer is $2x$. I hope it is correct.", "2x"),
        ("Thus the answer is: 12.\nGood.", "12"),
        ("Nothing was said.", None),
    ],
)
def test_the_answer_of_a_solution(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"\dfrac12", r"\frac{1}{2}"),
        ("1/2", r"\tfrac{1}{2}"),
        (r"\frac9{19}", "9/19"),
        (r"10,\!080", "10080"),
        ("10,080", "10080.0"),
        (".5", "0.50"),
        (r"90^\circ", "90"),
        (r"x=5", "5"),
        (r"x \in [-2,7]", "[-2, 7]"),
        (r"\$36", "36"),
        (r"864 \mbox{ inches}^2", "864"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3,\frac{\pi}{2})"),
        (r"\text{Evelyn}", "evelyn"),
        (r"11\sqrt2", r"11\sqrt{2}"),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
        (r"50\%", "50"),
    ],
)
def test_written_differently_is_the_same(one: str, other: str) -> None:
    assert same_answer(one, other) and same_answer(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "2"), ("12", "1"), ("(1,2)", "12"), ("(1,2)", "(2,1)"), (r"\frac{1}{2}", r"\frac{2}{1}"), ("", "0"),
     (r"\sqrt{2}", "2"), ("-1", "1"), ("3x", "3"), (r"x^2", "x2")],
)  # fmt: skip
def test_what_differs_stays_different(one: str, other: str) -> None:
    assert not same_answer(one, other)


def test_all_published_solutions_hold_the_published_answer(mirror: Path) -> None:
    rows = read_rows(mirror / "HuggingFaceH4/MATH-500/default/test.jsonl")
    assert sum(boxed(row["solution"]) == row["answer"] for row in rows) == 500
    assert sum(same_answer(final_answer(row["solution"]) or "", row["answer"]) for row in rows) == 500


def test_a_long_text_of_signs_takes_no_time() -> None:
    start = time.monotonic()
    for text in ("{" * 50_000, r"\boxed{" * 5_000, r"\frac" * 10_000, "answer is " * 5_000, "$" * 50_000):
        final_answer(text)
        same_answer(text, "1")
    assert time.monotonic() - start < 5
