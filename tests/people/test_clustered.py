"""Means over prompts and raters: the two-way clustered variance of statsmodels, and what is not known."""

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.sandwich_covariance import cov_cluster

from harness.people import clustered


def rated(seed: int = 0, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    prompts, raters = rng.integers(0, 30, n), rng.integers(0, 8, n)
    values = rng.normal(size=30)[prompts] + rng.normal(size=8)[raters] + rng.normal(size=n)
    return values, prompts, raters


def test_the_variance_of_a_mean_is_the_two_way_clustered_one() -> None:
    values, prompts, raters = rated()
    fit = sm.OLS(values, np.ones(len(values))).fit()
    both = prompts * 100 + raters
    parts = []
    for codes in (prompts, raters, both):
        count = len(np.unique(codes))
        parts.append(float(cov_cluster(fit, codes, use_correction=False)[0, 0]) * count / (count - 1))
    expected = max(parts[0], parts[1], parts[0] + parts[1] - parts[2])
    assert expected == parts[0] + parts[1] - parts[2]  # both matter here
    found = clustered.mean(values, prompts, raters)
    assert found.value == pytest.approx(values.mean()) and found.error == pytest.approx(np.sqrt(expected))
    assert found.freedom == 7


def test_a_difference_is_that_of_a_regression_on_the_kind() -> None:
    values, prompts, raters = rated(1)
    second = np.random.default_rng(2).random(len(values)) < 0.5
    fit = sm.OLS(values, sm.add_constant(second.astype(float))).fit()
    parts = []
    for codes in (prompts, raters, prompts * 100 + raters):
        count = len(np.unique(codes))
        parts.append(float(cov_cluster(fit, codes, use_correction=False)[1, 1]) * count / (count - 1))
    found = clustered.difference(values, second, prompts, raters)
    assert found.value == pytest.approx(fit.params[1])
    assert found.error == pytest.approx(np.sqrt(max(parts[0], parts[1], parts[0] + parts[1] - parts[2])))


def test_missing_ratings_are_left_out() -> None:
    values, prompts, raters = rated()
    holed = values.copy()
    holed[:50] = np.nan
    assert clustered.mean(holed, prompts, raters) == clustered.mean(values[50:], prompts[50:], raters[50:])


def test_one_rater_leaves_the_prompts_and_one_of_each_nothing() -> None:
    values, prompts, raters = rated()
    alone = clustered.mean(values, prompts, raters * 0)
    assert alone.freedom == 29 and alone.error is not None
    assert alone.error < (clustered.mean(values, prompts, raters).error or 0)
    nothing = clustered.mean(values, prompts * 0, raters * 0)
    assert nothing.error is None and nothing.interval() is None
    assert clustered.mean(values[:0], prompts[:0], raters[:0]).value is None


def test_ratings_that_are_all_alike_do_not_settle_anything() -> None:
    three = clustered.mean(np.ones(3), np.arange(3), np.zeros(3, int))
    low, high = three.interval((0.0, 1.0)) or (1.0, 1.0)
    assert low == pytest.approx(0.025 ** (1 / 3)) and high == 1.0
    assert three.interval() is None, "where there are no bounds nothing says what others would rate"
