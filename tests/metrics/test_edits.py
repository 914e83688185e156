"""The edits of TER equal those of sacrebleu's own edit distance, whatever the lengths."""

import random

import pytest
from sacrebleu.metrics import lib_ter

from harness.metrics.edits import edit_rate, trace


@pytest.mark.parametrize("seed", range(60))
def test_edits_equal_sacrebleu(seed: int) -> None:
    draw = random.Random(seed)
    words = "abcdefgh"[: draw.randint(1, 8)]
    ours, theirs = (draw.choices(words, k=draw.randint(0, 40)) for _ in range(2))
    assert edit_rate(ours, theirs) == lib_ter.translation_edit_rate(ours, theirs)


@pytest.mark.parametrize(("ours", "theirs"), [(1, 200), (200, 2), (0, 3), (3, 0), (60, 90), (90, 31)])
def test_lengths_beyond_the_beam(ours: int, theirs: int) -> None:
    draw = random.Random(1)
    one, other = ([f"w{draw.randint(0, 300)}" for _ in range(size)] for size in (ours, theirs))
    assert edit_rate(one, other) == lib_ter.translation_edit_rate(one, other)


def test_a_shift_is_one_edit() -> None:
    assert edit_rate(["b", "c", "d", "a"], ["a", "b", "c", "d"]) == (1, 4)


def test_a_matrix_without_a_way_is_an_error() -> None:
    with pytest.raises(ValueError, match="cell 1, 1"):
        trace([([0, 1], ["i", "i"]), ([1, 9], ["d", "x"])])
