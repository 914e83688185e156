"""Statistics against published values, other libraries and simulation."""

import time

import numpy as np
import pytest
from scipy import stats as scipy_stats

from harness.errors import DataError
from harness.metrics import stats
from harness.metrics.classify import mean, pearson, pearson_row, proportion, spearman

ACC, MEAN = proportion("acc"), mean("m")


def alone(n: int) -> np.ndarray:
    return np.arange(n)


@pytest.mark.parametrize(("b", "c", "p"), [(1, 6, 0.1250), (5, 15, 0.0414), (0, 5, 0.0625), (3, 3, 1.0), (0, 0, 1.0)])
def test_exact_mcnemar(b: int, c: int, p: float) -> None:
    assert round(stats.mcnemar(b, c), 4) == p == round(stats.mcnemar(c, b), 4)


def test_wilson_equals_statsmodels() -> None:
    from statsmodels.stats.proportion import proportion_confint

    for hits, n in ((0, 10), (3, 10), (10, 10), (450, 1000)):
        rows = np.repeat([1.0, 0.0], [hits, n - hits])
        low, high = stats.confidence(ACC, rows, alone(n)) or (0, 0)
        assert (low, high) == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=1e-9)


def test_wilson_of_none_and_of_all_reaches_the_end_exactly() -> None:
    for n in range(2, 2000, 7):
        assert stats.wilson(0.0, n, 1.959964)[0] == 0.0 and stats.wilson(1.0, n, 1.959964)[1] == 1.0


def test_t_interval_equals_scipy_without_clusters() -> None:
    rows = np.random.default_rng(0).normal(size=40)
    expected = scipy_stats.t.interval(0.95, 39, rows.mean(), scipy_stats.sem(rows))
    assert stats.confidence(MEAN, rows, alone(40)) == pytest.approx(expected, rel=1e-9)


def test_holm_by_hand() -> None:
    p = [0.01, 0.04, 0.03, 0.005]
    assert stats.holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_no_interval_below_two_clusters_and_no_value_for_nothing() -> None:
    assert stats.confidence(ACC, np.ones(1), alone(1)) is None
    assert stats.confidence(ACC, np.ones(5), np.zeros(5, dtype=int)) is None
    for rows in (np.ones(0), np.array([1.0, np.nan])):
        with pytest.raises(DataError):
            stats.point(ACC, rows)


def test_bootstrap_of_10_000_items_is_one_matrix_product() -> None:
    rows = np.random.default_rng(0).normal(size=(10_000, 1))
    start = time.perf_counter()
    low, high = stats.bootstrap(MEAN, rows, alone(10_000), resamples=10_000) or (0, 0)
    assert time.perf_counter() - start < 60  # a loop over resamples takes minutes
    assert (low, high) == pytest.approx(stats.confidence(MEAN, rows, alone(10_000)), abs=2e-3)


def test_bca_equals_scipy() -> None:
    rows = np.random.default_rng(1).exponential(size=60)
    expected = scipy_stats.bootstrap((rows,), np.mean, n_resamples=20_000, rng=np.random.default_rng(2))
    found = stats.bootstrap(MEAN, rows[:, None], alone(60), resamples=20_000, bias_corrected=True)
    assert found == pytest.approx(tuple(expected.confidence_interval), abs=0.015)


def test_rank_and_moment_correlations_have_intervals() -> None:
    x = np.random.default_rng(0).normal(size=(50, 2))
    rows = np.array([pearson_row(a, b) for a, b in x])
    value = scipy_stats.pearsonr(x[:, 0], x[:, 1]).statistic
    low, high = stats.confidence(pearson(), rows, alone(50)) or (0, 0)
    assert low < value < high and stats.point(pearson(), rows) == pytest.approx(value)
    low, high = stats.confidence(spearman(), x, alone(50)) or (0, 0)
    assert low < scipy_stats.spearmanr(x[:, 0], x[:, 1]).statistic < high


def clustered(generator: np.random.Generator, n: int, size: int, binary: bool) -> tuple[np.ndarray, np.ndarray]:
    """Values whose clusters of ``size`` share an effect; mean 0.7 (0/1 values) or 0."""
    groups = np.arange(n) // size
    effect = generator.normal(size=groups[-1] + 1)[groups]
    noise = generator.normal(size=n)
    latent = (effect + noise) / np.sqrt(2)
    return (latent < scipy_stats.norm.ppf(0.7)).astype(float) if binary else latent, groups


@pytest.mark.parametrize("n", [50, 500, 5000])
@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("size", [1, 5])
def test_coverage_of_95_percent_intervals(n: int, binary: bool, size: int) -> None:
    generator = np.random.default_rng([n, binary, size])
    metric, truth, repeats = (ACC, 0.7, 1500) if binary else (MEAN, 0.0, 1500)
    covered = naive = 0
    for _ in range(repeats):
        rows, groups = clustered(generator, n, size, binary)
        low, high = stats.confidence(metric, rows, groups) or (0.0, 0.0)
        covered += low <= truth <= high
        if size > 1:
            low, high = stats.confidence(metric, rows, alone(n)) or (0.0, 0.0)
            naive += low <= truth <= high
    assert 0.93 <= covered / repeats <= 0.97
    if size > 1:
        assert naive / repeats < 0.87  # what the same data gives when clusters are ignored


def test_paired_difference_of_equal_models_is_nothing_and_a_planted_one_is_found() -> None:
    generator = np.random.default_rng(0)
    first = (generator.random(400) < 0.7).astype(float)
    same = stats.paired(ACC, first, first, alone(400))
    assert (same.difference, same.p, same.test) == (0.0, 1.0, "exact McNemar")
    assert same.high == pytest.approx(1.96**2 / (400 + 1.96**2), rel=1e-3) and same.low == -same.high
    worse = np.where(generator.random(400) < 0.1, 0.0, first)
    found = stats.paired(ACC, first, worse, alone(400))
    assert found.difference < 0 and found.high is not None and found.high < 0 and (found.p or 1) < 1e-4
    groups = np.arange(400) // 4
    assert stats.paired(ACC, first, worse, groups).test == "sign flips of clusters"


def test_sign_flips_reject_at_their_level() -> None:
    generator = np.random.default_rng(3)
    zero, groups = np.zeros((30, 1)), alone(30)
    p = [stats.swap_test(MEAN, zero, generator.normal(size=(30, 1)), groups, seed=i, resamples=999) for i in range(400)]
    assert 0.02 <= np.mean(np.array(p) < 0.05) <= 0.08


def test_detectable_and_needed_agree() -> None:
    error = 0.02
    assert stats.detectable(error) == pytest.approx(2.8016 * error, rel=1e-4)
    assert stats.detectable(error, 11) == pytest.approx((2.2010 + 0.8755) * error, rel=1e-4)
    assert stats.error_of(0.5 - 2.2010 * error, 0.5 + 2.2010 * error, 11) == pytest.approx(error, rel=1e-4)
    assert stats.needed(error, 500, stats.detectable(error)) in (500, 501)
    assert stats.needed(error, 500, stats.detectable(error) / 2) in (2000, 2001)
