"""Intervals against formulas computed in another way, and what must hold of every one: a width, and no end outside."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, permutation_test

from harness.metrics import calibrate, classify, intervals, likelihood, stats, text
from harness.types import Metric

Z = 1.959963984540054
ACC, F1 = classify.accuracy, text.squad_f1
ROUGE2 = next(metric for metric in text.rouges() if metric.name == "rouge2")
ECE = {metric.name: metric for metric in calibrate.METRICS}["ece_width_10"]


def alone(n: int) -> np.ndarray:
    return np.arange(n)


# ------------------------------------------------------------------------------------------------------------ formulas
@pytest.mark.parametrize(("broken", "fixed", "n"), [(5, 15, 60), (0, 4, 20), (3, 3, 11), (1, 0, 2), (9, 2, 400)])
def test_the_ends_of_tango_solve_the_score_equation(broken: int, fixed: int, n: int) -> None:
    """The restricted likelihood is maximised numerically instead of by its closed form."""

    def z(difference: float) -> float:
        def loss(rare: float) -> float:  # probability of 1 then 0; that of 0 then 1 is rare + difference
            cells = [(broken, rare), (fixed, rare + difference), (n - broken - fixed, 1 - 2 * rare - difference)]
            return -sum(count * math.log(max(p, 1e-300)) for count, p in cells if count)

        least, most = max(0.0, -difference), (1 - difference) / 2
        rare = minimize_scalar(loss, bounds=(least, most), method="bounded", options={"xatol": 1e-12}).x
        return (fixed - broken - n * difference) / math.sqrt(n * (2 * rare + difference * (1 - difference)))

    low, high = intervals.tango(broken, fixed, n, Z)
    assert z(low) == pytest.approx(Z, abs=2e-3) and z(high) == pytest.approx(-Z, abs=2e-3)


def test_without_a_change_tango_is_as_wide_as_wilson_of_none() -> None:
    for n in (2, 5, 10, 30, 189):
        assert intervals.tango(0, 0, n, Z) == pytest.approx((-Z * Z / (n + Z * Z), Z * Z / (n + Z * Z)), abs=1e-9)
    assert intervals.tango(0, 0, 188, Z)[1] > 0.02 > intervals.tango(0, 0, 189, Z)[1]


def test_a_score_interval_is_wilson_at_the_effective_size() -> None:
    from statsmodels.stats.proportion import proportion_confint

    ends = intervals.score(30.0, 100 * math.sqrt(0.3 * 0.7 / 40), (0.0, 100.0), Z)
    assert ends == pytest.approx([100 * end for end in proportion_confint(12, 40, method="wilson")], rel=1e-9)
    low, high = intervals.score(0.0, 0.1, (-1.0, 1.0), Z)
    assert low == -high and -1 < low < 0


@pytest.mark.parametrize("n", [2, 5, 10, 50])
def test_equal_cases_allow_what_the_exact_binomial_allows(n: int) -> None:
    most = binomtest(0, n).proportion_ci(0.95, "exact").high
    assert intervals.unseen(n) == pytest.approx(most, rel=1e-9)
    assert intervals.alike(1.0, (0.0, 1.0), n) == pytest.approx((1 - most, 1.0))
    low, high = stats.confidence(F1, np.full(n, 0.5), alone(n)) or (0, 0)
    assert (low, high) == pytest.approx((0.5 - most / 2, 0.5 + most / 2))


def test_perplexity_and_bits_have_one_interval() -> None:
    rows = np.array([[-40.0, 12], [-7.0, 9], [-90.0, 31], [-20.0, 4]])
    bits = stats.confidence(likelihood.bits_per_byte, rows, alone(4)) or (0, 0)
    found = stats.confidence(likelihood.byte_perplexity, rows, alone(4))
    assert found == pytest.approx([2**end for end in bits], rel=1e-9) and bits[0] > 0
    value = stats.point(likelihood.bits_per_byte, rows)
    assert bits[0] * bits[1] == pytest.approx(value**2)  # as far below as above, in the logarithm


def test_the_mean_of_independent_parts_adds_their_distances() -> None:
    parts = [stats.Part(0.9, 0.7, 0.95, 9), stats.Part(0.5, 0.4, 0.62, 19)]
    mean, ends = stats.mean_of_parts(parts)
    assert ends == pytest.approx((0.7 - math.hypot(0.2, 0.1) / 2, 0.7 + math.hypot(0.05, 0.12) / 2))
    assert (mean.low, mean.high) == ends
    assert stats.mean_of_parts([*parts, stats.Part(0.1, None, None, 0)])[1] is None


def test_noise_of_a_sum_of_absolute_gaps_is_that_of_simulated_ones() -> None:
    true, errors = np.array([0.0, 0.01, 0.1]), np.array([0.03, 0.02, 0.01])
    drawn = np.abs(np.random.default_rng(0).normal(true, errors, (200_000, 3))).sum(axis=1).mean()
    assert intervals.noise(true, errors) == pytest.approx(drawn - true.sum(), abs=2e-4)
    assert intervals.noise(true, errors, 2.0) > intervals.noise(true, errors)


# ------------------------------------------------------------------------------------------------ of every one of them
def labelled(rng: np.random.Generator, n: int, sure: float) -> tuple[np.ndarray, np.ndarray]:
    gold = rng.integers(0, 2, n)
    return gold, np.where(rng.random(n) < sure, gold, 1 - gold)


def confusion(rng: np.random.Generator, n: int, sure: float) -> np.ndarray:
    pairs = zip(*labelled(rng, n, sure), strict=True)
    return np.array([classify.confusion_row(int(g), int(p), 2) for g, p in pairs])


def positives(rng: np.random.Generator, n: int, sure: float) -> np.ndarray:
    pairs = zip(*labelled(rng, n, sure), strict=True)
    return np.array([classify.f1_row(bool(g), bool(p)) for g, p in pairs])


def matches(rng: np.random.Generator, n: int, sure: float) -> np.ndarray:
    hits = rng.binomial(8, sure, n).astype(float)
    return np.column_stack([np.full(n, 8.0), np.full(n, 8.0), *(np.maximum(0, hits - k) for k in range(4)),
                            *(np.full(n, 8.0 - k) for k in range(4))])  # fmt: skip


def texts(rng: np.random.Generator, n: int, sure: float) -> np.ndarray:
    words = rng.integers(1, 200, n).astype(float)
    return np.column_stack([-words * rng.exponential(1.01 - sure, n), words])


MAKERS: list[tuple[Metric, Callable[[np.random.Generator, int, float], np.ndarray]]] = [
    (ACC, lambda rng, n, sure: (rng.random((n, 1)) < sure).astype(float)),
    (F1, lambda rng, n, sure: rng.beta(sure * 2 + 0.01, 2.01 - sure * 2, (n, 1))),
    (classify.percent("ss"), lambda rng, n, sure: (rng.random((n, 1)) < sure).astype(float)),
    (classify.f1(), positives),
    (classify.f1_labels(), confusion),
    (classify.matthews(), confusion),
    (classify.spearman(), lambda rng, n, sure: np.column_stack([rng.normal(size=n), rng.normal(size=n)])),
    (text.bleu(), matches),
    (likelihood.word_perplexity, texts),
    (likelihood.bits_per_byte, texts),
    (ECE, lambda rng, n, sure: np.column_stack([rng.random(n), rng.random(n) < sure]).astype(float)),
]


@pytest.mark.parametrize("place", range(len(MAKERS)), ids=[metric.name for metric, _ in MAKERS])
def test_every_interval_has_a_width_holds_its_value_and_keeps_within_the_bounds(place: int) -> None:
    metric, make = MAKERS[place]
    rng, given = np.random.default_rng(place), 0
    for n, sure, size in itertools.product((2, 3, 5, 10, 30), (0.0, 0.3, 0.97, 1.0), (1, 2)):
        rows, groups = make(rng, n, sure), np.arange(n) // size
        value, found = stats.point(metric, rows), stats.confidence(metric, rows, groups)
        if found:
            given += 1
            low, high = found
            assert metric.bounds[0] <= low <= value + 1e-9 and value - 1e-9 <= high <= metric.bounds[1], (n, sure)
            assert high - low > 1e-3, (n, sure, size)
    assert given > 10


@pytest.mark.parametrize("n", [2, 5, 10, 20, 30])
@pytest.mark.parametrize("place", range(len(MAKERS)), ids=[metric.name for metric, _ in MAKERS])
def test_equal_runs_leave_room_for_what_was_not_seen(place: int, n: int) -> None:
    metric, make = MAKERS[place]
    rows = make(np.random.default_rng(n), n, 0.6)
    found = stats.paired(metric, rows, rows, alone(n))
    if found.low is None or found.high is None:
        assert n <= 5 or metric.name == "spearman"
        return
    assert found.difference == 0 and found.p == 1 and found.low == -found.high < 0
    if np.isfinite(metric.bounds).all():  # a loss in one example of twenty often stays unseen
        assert found.high > 0.05 * (metric.bounds[1] - metric.bounds[0])


def test_without_bounds_equal_values_have_no_interval_and_binary_ones_wilson() -> None:
    mine = classify.mean("mine")
    assert stats.confidence(mine, np.full(9, 3.5), alone(9)) is None
    assert stats.confidence(mine, np.ones(9), alone(9)) == stats.confidence(ACC, np.ones(9), alone(9))
    assert stats.confidence(mine, np.array([1.0, 0, 1, 1]), alone(4)) == intervals.wilson(
        0.75, 4, stats.quantile(0.975)
    )
    assert stats.paired(mine, np.full(9, 3.5), np.full(9, 3.5), alone(9)).low is None
    assert stats.paired(mine, np.ones(9), np.ones(9), alone(9)).high == pytest.approx(Z * Z / (9 + Z * Z))


def test_all_right_in_clusters_rests_on_the_clusters() -> None:
    found = stats.confidence(ACC, np.ones(60), np.arange(60) // 20)
    assert found == pytest.approx((1 - intervals.unseen(3), 1.0))


def test_a_number_of_few_positives_rests_on_them() -> None:
    rows = np.array([classify.f1_row(i < 2, i < 2) for i in range(40)])
    assert stats.confidence(classify.f1(), rows, alone(40)) == pytest.approx((1 - intervals.unseen(2), 1.0))


# ----------------------------------------------------------------------------------------------------- exact agreement
def test_no_interval_excludes_what_the_exact_test_allows() -> None:
    for broken, fixed in itertools.product(range(8), range(8)):
        first = np.repeat([1.0, 0.0, 1.0], [broken, fixed, 16 - broken - fixed])
        second = np.repeat([0.0, 1.0, 1.0], [broken, fixed, 16 - broken - fixed])
        found = stats.paired(ACC, first, second, alone(16))
        assert found.p == pytest.approx(binomtest(broken, broken + fixed).pvalue if broken + fixed else 1.0)
        assert found.low is not None and found.high is not None and found.p is not None
        assert found.p < 0.05 or found.low <= 0 <= found.high
        assert -1 <= found.low <= found.difference <= found.high <= 1


@pytest.mark.parametrize("n", [2, 3, 5])
def test_five_pairs_never_exclude_nothing_whatever_the_metric(n: int) -> None:
    rng = np.random.default_rng(n)
    for metric, make in MAKERS:
        found = stats.paired(metric, make(rng, n, 0.0), make(rng, n, 1.0), alone(n))
        if found.low is not None and found.high is not None:
            assert (found.p or 1) > 0.05 and found.low <= 0 <= found.high and found.low < found.high


def test_one_small_change_among_many_equal_pairs_is_no_narrow_interval() -> None:
    first = np.full(20, 0.8)
    second = np.where(np.arange(20) == 3, 0.79, first)
    found = stats.paired(F1, first, second, alone(20))
    assert found.low == pytest.approx(-intervals.unseen(20)) and found.high == pytest.approx(intervals.unseen(20))


def test_the_swap_test_counts_all_swaps_of_few_clusters() -> None:
    rng, groups = np.random.default_rng(4), np.arange(14) // 2
    one, two = rng.normal(size=14), rng.normal(0.5, 1, size=14)
    sides = [np.bincount(groups, side) for side in (one, two)]
    exact = permutation_test(sides, lambda a, b, axis: (a - b).mean(axis=axis), permutation_type="samples",
                             vectorized=True, n_resamples=10**6)  # fmt: skip
    assert stats.swap_test(classify.mean("m"), one[:, None], two[:, None], groups) == pytest.approx(exact.pvalue)
    first, second = (positives(rng, 7, sure) for sure in (0.3, 0.9))
    seen = []
    for swapped in itertools.product((0, 1), repeat=7):
        mask = np.array(swapped)[:, None] == 1
        a, b = np.where(mask, second, first), np.where(mask, first, second)
        seen.append(stats.point(classify.f1(), b) - stats.point(classify.f1(), a))
    p = np.mean(np.abs(seen) >= abs(seen[0]) - 1e-12)
    assert stats.swap_test(classify.f1(), first, second, alone(7)) == pytest.approx(p)


def test_a_difference_lies_in_the_interval_of_its_own_p() -> None:
    rng = np.random.default_rng(6)
    for metric, size in ((ACC, 1), (ACC, 2), (F1, 1), (text.bleu(), 1)):
        make = next(make for known, make in MAKERS if known.name == metric.name)
        found = stats.paired(metric, make(rng, 40, 0.8), make(rng, 40, 0.5), np.arange(40) // size, tested=False)
        for level in (0.8, 0.95, 0.99):
            low, high = found.interval(level) or (0.0, 0.0)
            for end in (low, high):
                p = found.p_of(end)
                assert p == pytest.approx(1 - level, abs=1e-6) or p == found.least or end in found.bounds


# ------------------------------------------------------------------------------------------------------ quick coverage
def covered(metric: Metric, population: np.ndarray, count: int, truth: float, repeats: int = 300) -> float:
    """Share of intervals of ``count`` clusters drawn from a population [clusters, size, k] that hold the truth."""
    rng, held = np.random.default_rng(1), 0
    groups = np.repeat(np.arange(count), population.shape[1])
    for _ in range(repeats):
        rows = population[rng.integers(len(population), size=count)].reshape(len(groups), -1)
        low, high = stats.confidence(metric, rows, groups) or (np.nan, np.nan)
        held += low <= truth <= high
    return held / repeats


def test_coverage_of_skewed_scores_and_of_perplexity() -> None:
    rng = np.random.default_rng(0)
    scores = np.where(rng.random(4000) < 0.35, 0.0, rng.beta(1.2, 4.0, 4000))[:, None, None]
    assert 0.92 <= covered(ROUGE2, scores, 50, float(scores.mean())) <= 0.98
    words = np.ceil(np.exp(4 + 0.8 * rng.normal(size=4000)))
    rows = np.column_stack([-words * np.exp(1 + 0.4 * rng.normal(size=4000)), words])
    for metric in (likelihood.word_perplexity, likelihood.bits_per_byte):
        assert 0.92 <= covered(metric, rows[:, None], 50, stats.point(metric, rows), 3000) <= 0.98


def test_coverage_of_matthews_in_ten_clusters() -> None:
    rng = np.random.default_rng(2)
    gold = rng.random((3000, 5)) < 0.4
    hard = np.where(rng.random((3000, 1)) < 0.5, 0.9, 0.65)
    said = np.where(rng.random((3000, 5)) < hard, gold, ~gold)
    rows = np.stack([~gold & ~said, gold & said, ~gold, gold, ~said, said], -1).astype(float)
    truth = stats.point(classify.matthews(), rows.reshape(-1, 6))
    assert 0.92 <= covered(classify.matthews(), rows, 10, truth) <= 0.985


def test_the_calibration_error_of_a_calibrated_model_holds_nothing_and_that_of_another_does_not() -> None:
    rng = np.random.default_rng(3)
    sure = rng.beta(4, 2, 4000)
    calm = np.column_stack([sure, rng.random(4000) < sure])[:, None]
    assert 0.92 <= covered(ECE, calm, 50, 0.0) <= 0.985
    assert 0.92 <= covered(ECE, calm, 400, 0.0, 150) <= 0.99
    boastful = np.column_stack([sure, rng.random(4000) < sure**3])[:, None]
    assert covered(ECE, boastful, 400, 0.0, 50) == 0.0
