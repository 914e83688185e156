"""Agreement of raters against published values, statsmodels and what must not change it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa

from harness.errors import UsageError
from harness.people.agreement import NAMES, agreement
from harness.people.alpha import LEVELS, krippendorff

GOLDENS = json.loads((Path(__file__).parent / "goldens.json").read_text(encoding="utf-8"))


def matrix(rows: list[list[Any]]) -> np.ndarray:
    return np.array([[np.nan if v is None else v for v in row] for row in rows], dtype=float)


def paired(table: list[list[int]]) -> np.ndarray:
    return np.array([[i, j] for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)], dtype=float)


ABSTRACTORS = paired(GOLDENS["cont3x3abstractors"]["table"])
FOUR = matrix(GOLDENS["raw_4raters"]["ratings"])
THREE = matrix(GOLDENS["krippendorff_3x15"]["ratings"]).T


def value(ratings: np.ndarray, name: Any, digits: int, **options: Any) -> float:
    found = agreement(ratings, name, **options).value
    assert found is not None
    return round(found, digits)


def test_two_abstractors_of_the_irrcac_vignette() -> None:
    golden = GOLDENS["cont3x3abstractors"]
    assert value(ABSTRACTORS, "percent", 2) == golden["agreement"]
    assert value(ABSTRACTORS, "conger", 7) == golden["cohen_kappa"]
    assert value(ABSTRACTORS, "fleiss", 7) == golden["scott_pi"]
    assert value(ABSTRACTORS, "gwet", 7) == golden["gwet_ac1"]
    assert value(ABSTRACTORS, "brennan_prediger", 3) == golden["brennan_prediger"]
    assert round(krippendorff(ABSTRACTORS).value or 0, 7) == golden["krippendorff_alpha"]


@pytest.mark.parametrize(("name", "key"), [("conger", "cohen_kappa_se"), ("gwet", "gwet_ac1_se")])
def test_its_errors_divide_by_n_where_ours_divide_by_n_less_one(name: Any, key: str) -> None:
    error = agreement(ABSTRACTORS, name).error
    assert error is not None
    assert round(error * np.sqrt(99 / 100), 7) == GOLDENS["cont3x3abstractors"][key]


def test_four_raters_with_missing_ratings() -> None:
    golden = GOLDENS["raw_4raters"]
    for name, mine in (("gwet_ac1", "gwet"), ("fleiss_kappa", "fleiss")):
        found = agreement(FOUR, mine, irrcac=True)  # type: ignore[arg-type]
        assert found.value is not None and found.error is not None and found.observed is not None
        assert abs(found.value - golden[name]) <= 1e-5  # .761169 is printed as .76117, .775444 as .77544
        assert round(found.error, 5) == golden[f"{name}_se"]
        assert round(found.observed, 5) == golden["pa"]
        assert round(found.expected or 0, 5) == golden["pe_ac1" if mine == "gwet" else "pe_fleiss"]
    ends = agreement(FOUR, "gwet", irrcac=True).interval()
    assert ends is not None and (round(ends[0], 5), ends[1]) == tuple(golden["gwet_ac1_interval"])


def test_our_error_knows_that_the_share_of_rated_items_varies() -> None:
    """The delete-one jackknife agrees with ours and not with irrCAC's where ratings are missing."""
    items = np.random.default_rng(0).integers(0, len(FOUR), 400)
    ratings = FOUR[items]
    without = np.array([agreement(np.delete(ratings, i, axis=0), "gwet", categories=[1, 2, 3, 4, 5]).value
                        for i in range(len(ratings))])  # fmt: skip
    jackknife = float(np.sqrt(399 / 400 * ((without - without.mean()) ** 2).sum()))
    ours, theirs = agreement(ratings, "gwet").error, agreement(ratings, "gwet", irrcac=True).error
    assert ours == pytest.approx(jackknife, rel=0.01)
    assert theirs is not None and theirs > 1.1 * jackknife


def test_krippendorffs_three_coders() -> None:
    golden = GOLDENS["krippendorff_3x15"]
    for level in LEVELS:
        found = krippendorff(THREE, level)
        assert found.value is not None and abs(found.value - golden[level]) <= 1e-4  # printed cut, not rounded
        assert (found.items, found.single) == (12, 1)
    assert str(krippendorff(THREE, "nominal").value)[:5] == "0.691"


def test_two_raters_have_statsmodels_kappa_and_many_have_fleiss() -> None:
    rng = np.random.default_rng(1)
    table = rng.integers(1, 9, (4, 4))
    assert agreement(paired(table.tolist()), "conger").value == pytest.approx(cohens_kappa(table, return_results=False))
    ratings = rng.integers(0, 3, (30, 5)).astype(float)
    counts = (ratings[:, :, None] == np.arange(3)).sum(axis=1)
    assert agreement(ratings, "fleiss").value == pytest.approx(fleiss_kappa(counts))
    linear = agreement(paired(table.tolist()), "conger", weights="linear").value
    assert linear == pytest.approx(cohens_kappa(table, wt="linear", return_results=False))


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_items_and_raters_and_the_names_of_categories_do_not_matter(name: Any) -> None:
    before = agreement(FOUR, name)
    rng = np.random.default_rng(2)
    shuffled = FOUR[rng.permutation(len(FOUR))][:, rng.permutation(4)]
    renamed = np.where(np.isnan(shuffled), np.nan, 7 - 2 * shuffled)
    after = agreement(renamed, name)
    assert (after.value, after.error) == pytest.approx((before.value, before.error))


@pytest.mark.parametrize("name", NAMES)
def test_an_item_that_nobody_rated_changes_nothing(name: Any) -> None:
    more = np.vstack([FOUR, np.full((3, 4), np.nan)])
    assert agreement(more, name) == agreement(FOUR, name)


def test_ordinal_weights_forgive_neighbours_more_than_strangers() -> None:
    near, far = np.array([[1, 2], [3, 3], [4, 4], [2, 2], [1, 1]]), np.array([[1, 4], [3, 3], [4, 4], [2, 2], [1, 1]])
    plain = [agreement(r.astype(float), "gwet", categories=[1, 2, 3, 4]).value for r in (near, far)]
    weighted = [
        agreement(r.astype(float), "gwet", weights="ordinal", categories=[1, 2, 3, 4]).value for r in (near, far)
    ]
    assert abs((plain[0] or 0) - (plain[1] or 0)) < 0.02
    assert (weighted[0] or 0) > (weighted[1] or 0) + 0.1


def test_items_of_a_document_count_together() -> None:
    ratings = np.repeat(ABSTRACTORS, 4, axis=0)
    alone, together = agreement(ABSTRACTORS), agreement(ratings, clusters=np.repeat(np.arange(100), 4))
    assert (together.value, together.error) == pytest.approx((alone.value, alone.error))
    assert (agreement(ratings).error or 0) < 0.6 * (alone.error or 0)
    assert krippendorff(ratings, clusters=np.repeat(np.arange(100), 4)).error == pytest.approx(
        krippendorff(ABSTRACTORS).error, rel=0.02
    )


def test_what_chance_explains_wholly_is_undefined_and_not_perfect() -> None:
    same = np.ones((10, 2))
    assert agreement(same, "conger", categories=[1, 2]).value is None
    assert krippendorff(same).value is None
    assert agreement(same, "gwet", categories=[1, 2]).value == 1
    assert agreement(same, "gwet").value is None  # of one category nothing can be said


def test_nothing_to_compare_is_no_number() -> None:
    lonely = np.array([[1.0, np.nan], [np.nan, 2.0]])
    assert agreement(lonely).value is None and agreement(lonely).single == 2
    assert krippendorff(lonely).value is None
    assert agreement(np.array([[1.0, 2.0]]), categories=[1, 2]).interval() is None


def test_bad_names_and_ratings_are_told() -> None:
    with pytest.raises(UsageError, match="unknown coefficient 'kapa'"):
        agreement(FOUR, "kapa")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="unknown weights"):
        agreement(FOUR, weights="cubic")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="unknown level"):
        krippendorff(FOUR, "ratio")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="the rating 5 is none of the categories 1, 2, 3, 4"):
        agreement(FOUR, categories=[1, 2, 3, 4])
