"""People and judge together: never biased, narrower with a good judge, and the labels alone with a useless one."""

import numpy as np
import pytest

from harness.errors import UsageError
from harness.people.prediction_powered import corrected_rate, powered_mean


def labelled(n: int, rest: int, noise: float, seed: int = 0, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(5, 2, n + rest)
    judge = truth + shift + rng.normal(0, noise, n + rest)
    return np.where(np.arange(n + rest) < n, truth, np.nan), judge


def test_the_formula_of_independent_items() -> None:
    labels, judge = labelled(80, 400, 1.0)
    found = powered_mean(labels, judge)
    y, f, rest = labels[:80], judge[:80], judge[80:]
    lam = found.trust or 0
    assert found.value == pytest.approx(lam * rest.mean() + (y - lam * f).mean())
    variance = lam**2 * rest.var(ddof=1) / 400 + (y - lam * f).var(ddof=1) / 80
    assert found.error == pytest.approx(np.sqrt(variance * 79 / 78)) and found.freedom == 78
    pooled = np.cov(y, f)[0, 1] / ((1 + 80 / 400) * judge.var(ddof=1))
    assert lam == pytest.approx(pooled, rel=0.1)


def test_lam_makes_the_error_smallest() -> None:
    labels, judge = labelled(60, 300, 2.0, seed=1)
    found = powered_mean(labels, judge)
    y, f, rest = labels[:60], judge[:60], judge[60:]
    others = [
        np.sqrt(lam**2 * rest.var(ddof=1) / 300 + (y - lam * f).var(ddof=1) / 60) for lam in np.linspace(0, 1, 101)
    ]
    assert found.error is not None and found.error * np.sqrt(58 / 59) <= min(others) + 1e-9


def test_a_good_judge_saves_labels_and_a_useless_one_costs_none() -> None:
    good = powered_mean(*labelled(100, 1000, 0.5))
    assert good.saved is not None and good.saved > 300
    labels, _ = labelled(100, 1000, 1.0)
    useless = powered_mean(labels, np.random.default_rng(3).normal(size=1100))
    assert useless.trust is not None and useless.trust < 0.4
    assert useless.error == pytest.approx(useless.classical_error, rel=0.03)
    constant = powered_mean(labels, np.ones(1100))
    assert (constant.value, constant.error, constant.trust) == (constant.classical, constant.classical_error, 0.0)


def test_a_judge_that_is_too_kind_biases_nothing() -> None:
    kind, fair = powered_mean(*labelled(100, 1000, 0.5, shift=3.0)), powered_mean(*labelled(100, 1000, 0.5))
    assert (kind.value, kind.error) == pytest.approx((fair.value, fair.error))


def test_copies_of_a_cluster_say_nothing_new() -> None:
    labels, judge = labelled(50, 200, 1.0)
    codes = np.arange(250)
    once = powered_mean(labels, judge, codes)
    thrice = powered_mean(np.tile(labels, 3), np.tile(judge, 3), np.tile(codes, 3))
    assert (thrice.value, thrice.error, thrice.freedom) == pytest.approx((once.value, once.error, once.freedom))
    assert (powered_mean(np.tile(labels, 3), np.tile(judge, 3)).error or 0) < 0.7 * (once.error or 0)


def test_labels_of_everything_are_their_own_mean() -> None:
    labels = np.array([1.0, 2, 4, 4])
    found = powered_mean(labels, np.zeros(4))
    assert (found.value, found.error) == pytest.approx((2.75, labels.std(ddof=1) / 2))


def test_rogan_and_gladen_correct_the_rate() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random(20_000) < 0.3).astype(float)
    judge = np.where(rng.random(20_000) < np.where(truth == 1, 0.8, 0.1), 1.0, 0.0)
    labels = np.where(np.arange(20_000) < 4000, truth, np.nan)
    found = corrected_rate(labels, judge)
    assert judge.mean() > 0.305 and found.value == pytest.approx(0.3, abs=0.02)
    p, se, sp = judge[4000:].mean(), judge[:4000][truth[:4000] == 1].mean(), 1 - judge[:4000][truth[:4000] == 0].mean()
    gain, yes = se + sp - 1, int(truth[:4000].sum())
    assert found.value == pytest.approx((p + sp - 1) / gain)
    value = found.value or 0
    variance = p * (1 - p) / 16_000 + value**2 * se * (1 - se) / yes + (1 - value) ** 2 * sp * (1 - sp) / (4000 - yes)
    assert found.error == pytest.approx(np.sqrt(variance) / gain, rel=1e-3)


@pytest.mark.parametrize(
    ("labels", "judge", "reason"),
    [
        ([1, 1, 0, 0, np.nan], [0, 0, 1, 1, 1], "no better than chance"),
        ([1, 1, 1, 1, np.nan], [1, 1, 1, 1, 1], "two labels of either kind"),
        ([1, 1, 0, 0, 0], [1, 1, 0, 0, 1], "items without a label"),
    ],
)
def test_a_rate_that_cannot_be_corrected_is_undefined(labels: list[float], judge: list[float], reason: str) -> None:
    found = corrected_rate(np.array(labels), np.array(judge, dtype=float))
    assert found.value is None and found.interval() is None and reason in found.reason


def test_bad_input_is_told() -> None:
    with pytest.raises(UsageError, match="the judge has no number for 1 of 3 items"):
        powered_mean(np.array([1.0, 2, np.nan]), np.array([1.0, np.nan, 2]))
    with pytest.raises(UsageError, match="must be 0 or 1"):
        corrected_rate(np.array([1.0, 2, np.nan]), np.array([1.0, 0, 1]))
    few = powered_mean(np.array([1.0, np.nan, np.nan]), np.array([1.0, 1, 1]))
    assert few.value is None and few.reason.startswith("fewer than two")
