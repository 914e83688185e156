"""Intervals cover, tests equal their textbook values, and nothing is made of too little."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from harness.errors import DataError
from harness.metrics import stats
from harness.metrics.classify import accuracy, mean, pearson, pearson_row, spearman


def clustered(rng: np.random.Generator, n: int, size: int, share: float = 0.7, spread: float = 1.0) -> np.ndarray:
    """0/1 values [n], in clusters of ``size`` that share an effect."""
    effect = np.repeat(rng.normal(size=n // size) * spread, size)
    return (effect + rng.normal(size=n) < np.sqrt(1 + spread**2) * 0.5244).astype(float)  # P = 0.7


@pytest.mark.parametrize(("b", "c", "p"), [(1, 6, 0.1250), (5, 15, 0.0414), (0, 5, 0.0625), (3, 3, 1.0), (0, 0, 1.0)])
def test_exact_mcnemar(b: int, c: int, p: float) -> None:
    assert round(stats.mcnemar(b, c), 4) == p


@pytest.mark.parametrize("seed", range(3))
def test_corrections_equal_statsmodels(seed: int) -> None:
    p = np.random.default_rng(seed).random(20) ** 3
    np.testing.assert_allclose(stats.holm(p), multipletests(p, method="holm")[1])
    np.testing.assert_allclose(stats.benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1])


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (3, 10), (10, 10), (450, 500)])
def test_wilson_equals_statsmodels(hits: int, n: int) -> None:
    rows = np.r_[np.ones(hits), np.zeros(n - hits)]
    low, high = stats.confidence(accuracy, rows, np.arange(n)) or (0, 0)
    assert (low, high) == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=1e-12)


def test_mean_without_clusters_is_students_t() -> None:
    from scipy import stats as scipy_stats

    values = np.random.default_rng(0).normal(size=30)
    ours = stats.confidence(mean("x"), values, np.arange(30))
    theirs = scipy_stats.t.interval(0.95, 29, values.mean(), scipy_stats.sem(values))
    assert ours == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("n", [50, 500, 5000])
@pytest.mark.parametrize("size", [1, 5])
def test_intervals_cover_proportions(n: int, size: int) -> None:
    rng, codes, trials = np.random.default_rng(n + size), np.repeat(np.arange(n // size), size), 1500
    hits = 0
    for _ in range(trials):
        low, high = stats.confidence(accuracy, clustered(rng, n, size), codes) or (1, 0)
        hits += low <= 0.7 <= high
    assert 0.93 <= hits / trials <= 0.97


def test_ignoring_clusters_covers_far_too_little() -> None:
    rng, trials, hits = np.random.default_rng(0), 500, 0
    for _ in range(trials):
        low, high = stats.confidence(accuracy, clustered(rng, 500, 10, spread=2.0), np.arange(500)) or (1, 0)
        hits += low <= 0.7 <= high
    assert hits / trials < 0.75


@pytest.mark.parametrize(("n", "size"), [(50, 1), (500, 5), (5000, 5)])
def test_intervals_cover_means(n: int, size: int) -> None:
    rng, codes, trials, hits = np.random.default_rng(n), np.repeat(np.arange(n // size), size), 1000, 0
    for _ in range(trials):
        values = np.repeat(rng.normal(size=n // size), size) + rng.normal(size=n)
        low, high = stats.confidence(mean("x"), values, codes) or (1, 0)
        hits += low <= 0 <= high
    assert 0.93 <= hits / trials <= 0.97


def test_too_little_has_no_interval_and_nan_is_refused() -> None:
    assert stats.confidence(accuracy, np.ones(1), np.zeros(1, int)) is None
    assert stats.confidence(accuracy, np.ones(9), np.zeros(9, int)) is None
    with pytest.raises(DataError, match="value 1 is"):
        stats.confidence(accuracy, np.array([1.0, np.nan]), np.arange(2))
    with pytest.raises(DataError, match="no values"):
        stats.point(accuracy, np.zeros((0, 1)))


def test_correlations_have_intervals() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    y = x + rng.normal(size=300)
    rows = np.array([pearson_row(a, b) for a, b in zip(x, y, strict=True)])
    for metric, table in ((pearson(), rows), (spearman(), rows[:, :2])):
        low, high = stats.confidence(metric, table, np.arange(300)) or (0, 0)
        assert low < stats.point(metric, table) < high
        assert high - low < 0.2


def test_bootstrap_agrees_with_theory_and_is_deterministic() -> None:
    values = np.random.default_rng(0).exponential(size=400)
    replicates = stats.bootstrap(mean("x"), values, np.arange(400), 4000, seed=1)
    assert replicates.std() == pytest.approx(values.std() / 20, rel=0.05)
    np.testing.assert_array_equal(replicates, stats.bootstrap(mean("x"), values, np.arange(400), 4000, seed=1))
    plain = stats.percentile(replicates)
    shifted = stats.bca(replicates, values.mean(), stats.jackknife(mean("x"), values[:, None], np.arange(400)))
    assert shifted[1] > plain[1]  # a right-skewed mean: the corrected interval reaches further right


def test_sign_flip_and_paired_bootstrap_find_what_is_there_only() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=200)
    assert stats.sign_flip(noise + 1, np.arange(200)) < 0.001
    assert stats.sign_flip(noise - noise.mean(), np.arange(200)) > 0.9
    assert stats.sign_flip(np.zeros(5), np.arange(5)) == 1.0
    assert stats.sign_flip(np.ones(200), np.arange(200) // 100) > 0.3  # two clusters cannot show much
    assert stats.paired_bootstrap(mean("x"), noise, noise + rng.normal(1, 1, 200), np.arange(200)) < 0.001
    assert stats.paired_bootstrap(mean("x"), noise, noise, np.arange(200)) == 1.0


def test_power() -> None:
    assert stats.detectable(1.0) == pytest.approx(2.8016, abs=1e-4)
    assert stats.needed_n(0.02, 500, 0.028016) == pytest.approx(2000, abs=2)
