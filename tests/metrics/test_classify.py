"""Label and correlation metrics equal scikit-learn and scipy on random inputs."""

import numpy as np
import pytest
from scipy import stats as scipy_stats
from sklearn import metrics as sklearn_metrics

from harness.metrics import classify
from harness.metrics.stats import point


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("labels", [2, 3, 77])
def test_label_metrics_equal_scikit_learn(seed: int, labels: int) -> None:
    rng = np.random.default_rng(seed)
    gold = rng.integers(labels, size=200)
    predicted = np.where(rng.random(200) < 0.5, gold, rng.integers(labels, size=200))
    rows = np.array([classify.confusion_row(g, p, labels) for g, p in zip(gold, predicted, strict=True)])
    same = [
        (classify.matthews(), sklearn_metrics.matthews_corrcoef(gold, predicted)),
        (classify.f1_labels("macro"), sklearn_metrics.f1_score(gold, predicted, average="macro")),
        (classify.f1_labels("weighted"), sklearn_metrics.f1_score(gold, predicted, average="weighted")),
        (classify.balanced_accuracy(), sklearn_metrics.balanced_accuracy_score(gold, predicted)),
    ]
    for metric, reference in same:
        assert point(metric, rows) == pytest.approx(reference, abs=1e-12), metric.name


@pytest.mark.parametrize("seed", range(5))
def test_binary_f1_equals_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gold, predicted = rng.random(60) < 0.3, rng.random(60) < 0.4
    rows = np.array([classify.f1_row(bool(g), bool(p)) for g, p in zip(gold, predicted, strict=True)])
    assert point(classify.f1(), rows) == pytest.approx(sklearn_metrics.f1_score(gold, predicted), abs=1e-12)


def test_one_label_predicted_gives_zero_not_an_error() -> None:
    rows = np.array([classify.confusion_row(gold, 0, 2) for gold in (0, 1, 1)])
    assert point(classify.matthews(), rows) == 0.0


def test_a_label_outside_is_refused() -> None:
    with pytest.raises(ValueError, match=r"2 is outside 0\.\.1"):
        classify.confusion_row(0, 2, 2)


@pytest.mark.parametrize("seed", range(5))
def test_correlations_equal_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 26, 150) / 5  # with ties, as in STS-B
    predicted = gold + rng.normal(size=150)
    rows = np.array([classify.pearson_row(g, p) for g, p in zip(gold, predicted, strict=True)])
    assert point(classify.pearson(), rows) == pytest.approx(scipy_stats.pearsonr(gold, predicted).statistic, abs=1e-10)
    pairs = np.stack([gold, predicted], axis=1)
    assert point(classify.spearman(), pairs) == pytest.approx(
        scipy_stats.spearmanr(gold, predicted).statistic, abs=1e-12
    )


def test_correlation_with_a_constant_is_undefined() -> None:
    rows = np.array([classify.pearson_row(0.1 * k, 0.3) for k in range(10)])
    assert np.isnan(point(classify.pearson(), rows))
    assert np.isnan(point(classify.spearman(), rows[:, :2]))


def test_reduce_is_vectorised_over_leading_axes() -> None:
    rng = np.random.default_rng(0)
    rows = np.array([classify.confusion_row(g, p, 3) for g, p in rng.integers(3, size=(40, 2))])
    sums = np.stack([rows[:20].sum(0), rows[20:].sum(0)]).reshape(2, 1, -1)
    both = classify.matthews().reduce(sums, np.array([[20.0], [20.0]]))
    assert both.shape == (2, 1)
    assert both[1, 0] == point(classify.matthews(), rows[20:])
