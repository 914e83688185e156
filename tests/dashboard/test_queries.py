"""The pages' numbers without Streamlit."""

from collections.abc import Callable

import pytest

from dashboard import queries
from harness.errors import UsageError
from harness.store import Store, open_store
from harness.types import Estimate


@pytest.fixture
def small(stores: Callable[[str], str]) -> Store:
    return open_store(stores("small"), create=False)


def run_of(store: Store, rule: str) -> str:
    return next(run.id for run in store.runs() if run.model.endswith(rule))


def estimate(value: float | None, low: float | None, high: float | None) -> Estimate:
    return Estimate("t", "m", "all", value, low, high, 10, 10, 0)


def test_rank_ranges() -> None:
    three = [estimate(0.9, 0.8, 1.0), estimate(0.7, 0.6, 0.85), estimate(0.2, 0.1, 0.3), estimate(None, None, None)]
    assert queries.rank_ranges(three, {"better": "higher"}) == ["1-2", "1-2", "3", "-"]
    assert queries.rank_ranges(three, {"better": "lower"}) == ["2-3", "2-3", "1", "-"]
    assert queries.rank_ranges(three, {"better": "ideal", "ideal": 0.25}) == ["2-3", "2-3", "1", "-"]


def test_leaderboard(small: Store) -> None:
    board = queries.leaderboard(small)
    acc = board[board["metric"] == "acc"].set_index("model")
    assert acc["value"].to_dict() == {"scripted:oracle": 1.0, "scripted:opposite": 0.0, "scripted:fail-every-3": 1.0}
    assert acc["failed"].to_dict()["scripted:fail-every-3"] == 4
    assert acc["rank"].to_dict()["scripted:opposite"] == "3"


def test_an_empty_store(stores: Callable[[str], str]) -> None:
    assert queries.leaderboard(open_store(stores("empty"), create=False)).empty


def test_filters_and_pages(small: Store) -> None:
    run = run_of(small, "fail-every-3")
    assert len(queries.samples(small, run, "letters", queries.Filter("failed"))) == 4
    assert queries.samples(small, run, "letters", queries.Filter("wrong")).empty
    assert len(queries.samples(small, run, "letters", queries.Filter(), page=1, size=5)) == 5
    assert queries.samples(small, run, "letters", queries.Filter(), page=9).empty
    found = queries.samples(small, run, "letters", queries.Filter(text="Q11"))
    assert len(found) == 1
    assert queries.samples(small, run, "letters", queries.Filter(text="' or true --")).empty
    for bad in (lambda: queries.samples(small, run, "letters", queries.Filter(), size=201),
                lambda: queries.condition(queries.Filter("nonsense"))):  # fmt: skip
        with pytest.raises(UsageError):
            bad()


def test_one_sample(small: Store) -> None:
    run = run_of(small, "oracle")
    known = str(queries.samples(small, run, "letters", queries.Filter())["example_id"].iloc[3])
    found = queries.sample(small, run, "letters", known)
    assert found is not None and found["correct"]
    assert queries.sample(small, run, "letters", "x' or true --") is None
    assert queries.sample(small, run, "letters", "") is None


def test_text_is_cut_and_harmless() -> None:
    assert queries.cut("\x1b[31m\u202ea") == "\\u001b[31m\\u202ea"
    assert len(queries.cut("z" * 1_000_000)) < 21_000


def test_compare(small: Store) -> None:
    first, second = small.run(run_of(small, "oracle")), small.run(run_of(small, "opposite"))
    pair = queries.compare(small, first, second)[0]
    acc = next(number for number in pair.numbers if number["metric"] == "acc")
    assert (acc["baseline"], acc["candidate"], acc["difference"], acc["n"]) == (1.0, 0.0, -1.0, 12)
    assert pair.matrix == {"both right": 0, "fixed": 0, "broken": 12, "both wrong": 0}
    assert len(pair.flips) == 12
    assert acc["p (Holm)"] >= acc["p"]


def test_failures_are_no_pairs(small: Store) -> None:
    first, second = small.run(run_of(small, "oracle")), small.run(run_of(small, "fail-every-3"))
    pair = queries.compare(small, first, second)[0]
    assert pair.matrix["both right"] == 8
    assert {number["n"] for number in pair.numbers} == {8}
