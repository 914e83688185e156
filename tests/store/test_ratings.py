"""Ratings on both databases: rows are only added, two raters at once lose nothing, a token opens one desk."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import pytest

from harness.errors import UsageError
from harness.store import Store
from harness.store.ratings import Assignment, StoredCampaign

RATERS = ("rater-1", "rater-2")
ANSWER: Mapping[str, Any] = {"value": 1}


def create(store: Store, version: int = 1, items: int = 20) -> str:
    campaign = StoredCampaign(
        f"c@{version}", "c", version, {"kind": "direct"}, {"failed": 1}, "2026-01-01T00:00:00+00:00"
    )
    queue = [Assignment(rater, n, n, n % 2 == 1, n % 3 == 0) for rater, n in product(RATERS, range(items))]
    store.ratings.create(
        campaign, [{"text": f"t{n}"} for n in range(items)], queue, {r: f"token of {r}" for r in RATERS}
    )
    return campaign.id


def test_what_is_put_in_comes_out(store):
    made = create(store)
    assert store.ratings.campaign("c") == store.ratings.campaign("c@1")
    assert store.ratings.campaign("c").dropped == {"failed": 1}
    assert store.ratings.items(made)[3] == {"text": "t3"}
    assert store.ratings.assignments(made, "rater-2")[3] == Assignment("rater-2", 3, 3, True, True)
    assert store.ratings.rater(made, "token of rater-2") == "rater-2" and store.ratings.rater(made, "guess") is None
    assert store.ratings.raters(made) == dict.fromkeys(RATERS, True)
    rated = store.ratings.rate(made, "rater-1", 4, {"value": 7, "note": "wörld"}, 2.5)
    assert store.ratings.ratings(made) == [rated] and rated.answer == {"value": 7, "note": "wörld"}


def test_the_newest_version_is_meant_by_the_name(store):
    create(store, 9)
    create(store, 10)
    assert [one.id for one in store.ratings.campaigns()] == ["c@10", "c@9"]
    assert store.ratings.campaign("c").version == 10


def test_undoing_adds_a_row(store):
    made = create(store)
    for position in (0, 1):
        store.ratings.rate(made, "rater-1", position, ANSWER)
    store.ratings.rate(made, "rater-2", 0, ANSWER)
    assert [store.ratings.undo(made, "rater-1") for _ in range(3)] == [1, 0, None]
    assert len(store.ratings.history(made)) == 5 and len(store.ratings.ratings(made)) == 1
    assert store.ratings.rate(made, "rater-1", 0, {"value": 2}).revision == 2
    with pytest.raises(UsageError, match="already"):
        store.ratings.rate(made, "rater-1", 0, ANSWER)


def together(open_one: Callable[[], Store], jobs: list[tuple[str, int]], campaign: str) -> list[bool]:
    """Whether each (rater, position) could be rated, all of them at once on connections of their own."""

    def rate(job: tuple[str, int]) -> bool:
        opened = open_one()
        try:
            opened.ratings.rate(campaign, *job, ANSWER)
        except UsageError:
            return False
        finally:
            opened.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(rate, jobs))


def test_two_raters_at_once_lose_nothing(place):
    store = place.open()
    made = create(store)
    jobs = [(rater, n) for n in range(20) for rater in RATERS]
    assert all(together(place.open, jobs, made))
    assert sorted((one.rater, one.position) for one in store.ratings.ratings(made)) == sorted(jobs)


def test_one_rater_with_two_pages_open_rates_an_item_once(place):
    store = place.open()
    made = create(store)
    assert sum(together(place.open, [("rater-1", 0)] * 16, made)) == 1
    assert len(store.ratings.history(made)) == 1


def test_what_was_rated_cannot_be_replaced(store):
    made = create(store)
    create(store, items=5)
    assert len(store.ratings.items(made)) == 5
    store.ratings.rate(made, "rater-1", 0, ANSWER)
    with pytest.raises(UsageError, match="version = 2"):
        create(store)
    store.ratings.undo(made, "rater-1")
    with pytest.raises(UsageError, match="version = 2"):
        create(store)  # what was taken back was rated all the same
