"""Metrics against people: published unit values, scipy, planted faults of metrics, and what is dropped."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.errors import UsageError
from harness.people import meta
from harness.people.metric_pairs import calibrate_ties, count_pairs, cross_fitted, kendall

GOLDENS = json.loads((Path(__file__).parent / "goldens.json").read_text(encoding="utf-8"))


def matrix(rows: list[list[Any]]) -> np.ndarray:
    return np.array([[np.nan if v is None else v for v in row] for row in rows], dtype=float)


def scores(segments: int = 60, systems: int = 6, noise: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    human = rng.normal(size=(segments, systems)) + np.linspace(0, 1, systems)
    return human, human + rng.normal(0, noise, (segments, systems))


def test_kendall_variants_of_the_published_unit_test() -> None:
    golden = GOLDENS["kendall_variants"]
    gold, metric = np.array(golden["gold"], float), np.array(golden["metric"], float)
    counts = count_pairs(gold, metric)
    assert round(counts.statistic("b"), 9) == golden["tau_b"]
    assert counts.statistic("c") == pytest.approx(golden["tau_c"], abs=1e-12)
    assert counts.statistic("23") == golden["tau_23"] and counts.statistic("acc23") == golden["acc_23"]
    assert count_pairs(gold, metric, epsilon=2).statistic("acc23") == golden["acc_23_epsilon_2"]
    assert calibrate_ties(gold[None], metric[None]).best[1] == pytest.approx(golden["acc_23_ties_optimised"])


def test_thresholds_of_the_published_matrix() -> None:
    golden = GOLDENS["tau_optimization"]
    found = calibrate_ties(matrix(golden["human"]), matrix(golden["metric"]))
    assert found.thresholds.tolist() == golden["thresholds"]
    assert found.accuracies == pytest.approx(golden["taus"], abs=1e-12)
    assert found.best[0] == golden["best_threshold"] and (found.rows, found.dropped) == (4, 1)


@pytest.mark.parametrize(
    ("human", "taus", "best"),
    [
        ([1, 2, 3, 4], [6 / 6, 4 / 6, 3 / 6, 1 / 6, 0], (0, 1.0)),
        ([1, 1, 1, 4], [0.5, 0.5, 4 / 6, 4 / 6, 0.5], (4, 4 / 6)),
    ],
)
def test_ties_are_made_only_where_they_help(human: list[int], taus: list[float], best: tuple[float, float]) -> None:
    found = calibrate_ties(np.array([human], float), np.array([[0.0, 2, 6, 8]]))
    assert found.thresholds.tolist() == [0, 2, 4, 6, 8]
    assert found.accuracies == pytest.approx(taus) and found.best == pytest.approx(best)


def test_pairwise_confidence_of_the_published_unit_test() -> None:
    golden = GOLDENS["pairwise_confidence_error"]
    human, metric = (np.array(golden[side], float).reshape(2, 3).T for side in ("gold", "metric"))
    assert round(meta.soft_pairwise_accuracy(human, metric), 3) == golden["error"]
    many = meta.soft_pairwise_accuracy(human, metric, draws=200_000)
    assert many == pytest.approx(1 - abs(1 - 7 / 8), abs=0.003)  # all eight swaps, exactly


def test_kendall_b_and_c_are_scipys() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        human, metric = rng.integers(0, 4, 12).astype(float), rng.integers(0, 6, 12).astype(float)
        counts = count_pairs(human, metric)
        assert counts.statistic("b") == pytest.approx(stats.kendalltau(human, metric).statistic)
        assert counts.statistic("c") == pytest.approx(stats.kendalltau(human, metric, variant="c").statistic)


def test_every_threshold_gives_the_accuracy_that_counting_gives() -> None:
    human, metric = scores(20, 5)
    human, metric = np.round(human), np.round(10 * metric)
    metric[3, 2] = human[5, 1] = np.nan
    found = calibrate_ties(human, metric)
    for threshold, accuracy in list(zip(found.thresholds, found.accuracies, strict=True))[::7]:
        assert kendall(human, metric, "acc23", threshold + 1e-12).value == pytest.approx(accuracy)


def test_a_threshold_of_the_same_scores_is_optimistic_and_of_others_not() -> None:
    same, other = [], []
    for seed in range(40):
        human, metric = scores(6, 4, noise=4.0, seed=seed)
        human = np.round(human)
        same.append(calibrate_ties(human, metric).best[1])
        other.append(cross_fitted(human, metric).value or 0)
    assert np.mean(same) > np.mean(other) + 0.03


def test_a_perfect_metric_has_one_and_its_opposite_the_least() -> None:
    human, _ = scores()
    for name, statistic in meta.STATISTICS.items():
        best, worst = statistic(human, human), statistic(human, -human)
        assert best == pytest.approx(1), name
        correlated = name.endswith(("pearson", "spearman", "kendall", "_by_item"))
        assert worst == pytest.approx(-1) if correlated else worst < 0.3, name


def test_constant_items_are_counted_and_not_averaged() -> None:
    human, metric = scores(10, 4, noise=0.1)
    human[:3] = 2.0
    found = meta.segment_level(human, metric, "kendall", "item")
    assert (found.rows, found.dropped) == (7, 3)
    assert found.value == pytest.approx(
        np.mean([stats.kendalltau(h, m).statistic for h, m in zip(human[3:], metric[3:], strict=True)])
    )


def test_keeping_significant_items_alone_flatters_a_metric() -> None:
    human, metric = scores(100, 8, noise=2.0)
    honest = meta.segment_level(human, metric, "kendall", "item")
    published = meta.segment_level(human, metric, "kendall", "item", significant=0.05)
    assert honest.dropped == 0 and published.dropped > 30
    assert (published.value or 0) > (honest.value or 0) + 0.1


def test_scores_that_one_side_lacks_are_left_out_of_both() -> None:
    human, metric = scores(10, 3)
    human[0, 0] = metric[1, 1] = np.nan
    people, said, dropped = meta.system_scores(human, metric)
    assert dropped == 2
    assert people[0] == pytest.approx(human[1:, 0].mean()) and said[0] == pytest.approx(metric[1:, 0].mean())


def test_the_better_of_two_metrics_is_told_from_the_worse_and_not_from_itself() -> None:
    human, good = scores(150, 6, noise=0.5)
    _, bad = scores(150, 6, noise=3.0, seed=0)
    found = meta.compare_metrics(human, bad, good, "segment_pearson", draws=200)
    assert found.difference > 0.2 and found.p < 0.01
    same = meta.compare_metrics(human, good, 7 * good + 3, "segment_pearson", draws=100)
    assert same.difference == pytest.approx(0) and same.p == 1


def test_p_values_of_equal_metrics_are_uniform() -> None:
    rng, p = np.random.default_rng(5), []
    for seed in range(60):
        human, one = scores(30, 4, noise=1.5, seed=seed)
        two = human + rng.normal(0, 1.5, human.shape)
        p.append(meta.compare_metrics(human, one, two, "segment_pearson", draws=99).p)
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_the_error_of_a_correlation_is_about_that_of_many_samples() -> None:
    values, errors = [], []
    for seed in range(80):
        found = meta.agrees(*scores(100, 4, seed=seed), "segment_pearson")
        values.append(found.value)
        errors.append(found.error)
    assert np.mean([e for e in errors if e is not None]) == pytest.approx(float(np.std(values)), rel=0.25)


def test_what_is_constant_has_no_number() -> None:
    human, metric = np.ones((5, 3)), scores(5, 3)[1]
    assert meta.agrees(human, metric, "system_pearson").value is None
    assert np.isnan(meta.soft_pairwise_accuracy(human[:, :1], metric[:, :1]))


def test_bad_input_is_told() -> None:
    human, metric = scores(5, 3)
    with pytest.raises(UsageError, match="unknown statistic 'tau'"):
        meta.agrees(human, metric, "tau")
    with pytest.raises(UsageError, match="shape"):
        meta.segment_level(human, metric[:4], "pearson")
    with pytest.raises(UsageError, match="unknown grouping"):
        meta.segment_level(human, metric, "pearson", "rows")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="unknown variant"):
        count_pairs(human[0], metric[0]).statistic("d")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no row has two systems"):
        calibrate_ties(human[:, :1], metric[:, :1])
