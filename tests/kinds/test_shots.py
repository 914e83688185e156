"""Few-shot examples depend on (seed, task, example id) and on nothing else."""

import random

import pytest

from harness.errors import DataError
from harness.kinds.shots import chooser
from harness.types import Example, Shots

POOL = [Example(str(i), {"q": i}, slices={"subject": "ab"[i % 2]}) for i in range(40)]


def ids(shots: tuple[Example, ...]) -> list[str]:
    return [shot.id for shot in shots]


@pytest.mark.parametrize("mode", ["fixed", "per-example"])
def test_the_order_of_the_pool_changes_nothing(mode: str) -> None:
    shuffled = random.Random(1).sample(POOL, len(POOL))
    one, two = (chooser(pool, Shots(count=5), seed=0, task="t", mode=mode) for pool in (POOL, shuffled))  # type: ignore[arg-type]
    assert [ids(one(e)) for e in POOL] == [ids(two(e)) for e in POOL]


def test_seed_and_task_change_the_choice() -> None:
    found = {tuple(ids(chooser(POOL, Shots(count=5), seed=s, task=t)(POOL[0]))) for s in (0, 1) for t in "xy"}
    assert len(found) == 4


@pytest.mark.parametrize("pick", ["hash", "first"])
def test_an_example_is_never_shown_to_itself_and_the_rest_share_one_set(pick: str) -> None:
    choose = chooser(POOL, Shots(count=5, pick=pick), seed=0, task="t")  # type: ignore[arg-type]
    assert all(e.id not in ids(choose(e)) and len(choose(e)) == 5 for e in POOL)
    assert len({tuple(ids(choose(e))) for e in POOL}) == 6  # one common set, and one for each of its five members
    if pick == "first":
        assert ids(choose(POOL[9])) == ["0", "1", "2", "3", "4"]


def test_per_example_sets_differ() -> None:
    choose = chooser(POOL, Shots(count=5), seed=0, task="t", mode="per-example")
    assert len({tuple(ids(choose(e))) for e in POOL}) > 35


def test_within_a_slice() -> None:
    choose = chooser(POOL, Shots(count=3, by="subject"), seed=0, task="t")
    assert all(s.slices == e.slices for e in POOL for s in choose(e))


def test_too_few_is_an_error() -> None:
    with pytest.raises(DataError, match="t: 40 few-shot examples asked for, only 39"):
        chooser(POOL, Shots(count=40), seed=0, task="t")(POOL[0])


@pytest.mark.parametrize("mode", ["fixed", "per-example"])
def test_a_question_that_stands_twice_is_not_shown_with_its_answer(mode: str) -> None:
    written = [Example(str(i), {"prompt": f"What is {i // 3}?" + " " * (i % 2)}, (str(i),)) for i in range(12)]
    choose = chooser(written, Shots(count=9), seed=0, task="t", mode=mode)  # type: ignore[arg-type]
    for example in written:
        assert {s.fields["prompt"].strip() for s in choose(example)}.isdisjoint({example.fields["prompt"].strip()})
        assert len(choose(example)) == 9
    with pytest.raises(DataError, match="10 few-shot examples asked for, only 9 to choose from that do not ask"):
        chooser(written, Shots(count=10), seed=0, task="t", mode=mode)(written[0])  # type: ignore[arg-type]


def test_one_prompt_over_other_choices_is_another_question() -> None:
    rows = [({"prompt": "Which is a word?", "choices": [w, w[::-1]], "right_choices": [0]}) for w in ("cat", "dog")]
    pool = [Example(str(i), row, 0) for i, row in enumerate([*rows, rows[0]])]
    choose = chooser(pool, Shots(count=1), seed=0, task="t")
    assert [choose(example)[0].id for example in (pool[0], pool[2])] == ["1", "1"]
    other = Example("x", {**rows[0], "inputs": ("another text",)}, 0)
    assert chooser(pool[:1], Shots(count=1), seed=0, task="t")(other) == (pool[0],)
