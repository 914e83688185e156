"""Strengths of models against the worked example, statsmodels and a general optimiser; some have none."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize

from harness.errors import UsageError
from harness.people.bradley_terry import Comparisons, bradley_terry

GOLDEN = json.loads((Path(__file__).parent / "goldens.json").read_text(encoding="utf-8"))["bradley_terry"]
NAMES = ("a", "b", "c", "d")


def games(wins: list[list[int]]) -> Comparisons:
    pairs = [(i, j) for i, row in enumerate(wins) for j, n in enumerate(row) for _ in range(n)]
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    n = len(first)
    return Comparisons(first, second, np.ones(n), np.arange(n), np.arange(n))


def drawn(n: int = 600, seed: int = 0) -> Comparisons:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 4, n)
    second = (first + rng.integers(1, 4, n)) % 4
    length = rng.normal(size=(n, 1))
    strengths = np.array([0.6, 0.2, -0.1, -0.7])
    wins = rng.random(n) < 1 / (1 + np.exp(strengths[second] - strengths[first] - 0.5 * length[:, 0]))
    outcome = np.where(rng.random(n) < 0.2, 0.5, wins.astype(float))
    return Comparisons(first, second, outcome, rng.integers(0, 60, n), rng.integers(0, 12, n), length)


def test_the_worked_example() -> None:
    found = bradley_terry(NAMES, games(GOLDEN["wins"]))
    assert found.values is not None
    assert np.exp(found.values).round(3).tolist() == GOLDEN["strengths_geometric_mean_1"]
    ratings = [rating for rating, _ in found.ratings()]
    assert np.mean(ratings) == pytest.approx(1000)
    assert ratings[3] - ratings[0] == pytest.approx(400 * np.log10(2.270 / 0.640), abs=0.2)


def test_strengths_and_clustered_errors_are_those_of_a_logistic_regression() -> None:
    played = replace(drawn(), outcome=np.round(drawn().outcome + 0.1))  # no ties: statsmodels has none
    found = bradley_terry(NAMES, played)
    design = np.zeros((len(played.first), 4))
    design[np.arange(len(design)), played.first] += 1
    design[np.arange(len(design)), played.second] -= 1
    assert played.covariates is not None and found.values is not None
    exog = np.hstack([design[:, 1:], played.covariates])
    for groups, covariance in zip((played.prompts, played.raters), found.covariances[:2], strict=True):
        fit = sm.Logit(played.outcome, exog).fit(
            disp=0, tol=1e-12, cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
        )
        assert found.values[1:] - found.values[0] == pytest.approx(fit.params[:3], abs=1e-8)
        assert found.coefficients == pytest.approx(fit.params[3:], abs=1e-8)
        count = len(np.unique(groups))
        contrast = np.array([-1.0, 1, 0, 0, 0])
        ours = contrast @ covariance @ contrast * (count - 1) / count
        assert ours == pytest.approx(fit.cov_params()[0, 0], rel=1e-6)


def test_a_tie_is_half_a_win_each() -> None:
    played = games([[0, 6], [2, 0]])
    tied = replace(played, outcome=np.where(np.arange(8) < 4, 0.5, played.outcome))
    found = bradley_terry(NAMES[:2], tied)  # 2 halves of 4, and 2 wins of 4
    assert found.values is not None and found.ties == 4
    assert found.values[0] - found.values[1] == pytest.approx(0, abs=1e-9)


def test_davidsons_ties_are_those_of_a_general_optimiser() -> None:
    played = drawn()
    found = bradley_terry(NAMES, replace(played, covariates=None), davidson=True)

    def loss(parameters: np.ndarray) -> float:
        worth = np.exp(np.append(parameters[:3], -parameters[:3].sum()))
        one, two = worth[played.first], worth[played.second]
        tie = np.exp(parameters[3]) * np.sqrt(one * two)
        likely = np.where(played.outcome == 1, one, np.where(played.outcome == 0, two, tie)) / (one + two + tie)
        return -float(np.log(likely).sum())

    best = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-9}).x
    assert found.values is not None and found.tie is not None
    assert found.values[:3] == pytest.approx(best[:3], abs=1e-5)
    assert found.tie == pytest.approx(best[3], abs=1e-5)


def test_a_repeated_prompt_says_nothing_new() -> None:
    played = drawn(400)
    one = replace(played, prompts=np.arange(400), raters=np.arange(400))
    twice = Comparisons(*(np.tile(side, 2) for side in (one.first, one.second, one.outcome, one.prompts, one.raters)),
                        np.tile(played.covariates, (2, 1)))  # fmt: skip
    (value, once), (again, repeated) = (
        bradley_terry(NAMES, one).difference(0, 1),
        bradley_terry(NAMES, twice).difference(0, 1),
    )
    assert again == pytest.approx(value) and repeated == pytest.approx(once)
    naive = bradley_terry(NAMES, replace(twice, prompts=np.arange(800), raters=np.arange(800))).difference(0, 1)[1]
    assert naive is not None and once is not None
    assert naive[1] - naive[0] < 0.75 * (once[1] - once[0])


def test_ranks_follow_from_the_differences() -> None:
    strong = games([[0, 90, 90], [10, 0, 50], [10, 50, 0]])
    assert bradley_terry(NAMES[:3], strong).ranks() == [(1, 1), (2, 3), (2, 3)]


@pytest.mark.parametrize(
    ("wins", "reason"),
    [
        ([[0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 3], [0, 0, 1, 0]], "a and b never met the other models"),
        ([[0, 2, 2], [0, 0, 3], [0, 1, 0]], "a won all or lost all comparisons with the other models"),
        ([[0, 1, 0], [1, 0, 0], [0, 0, 0]], "c never met the other models"),
    ],
)
def test_what_no_comparison_tells_is_not_estimable(wins: list[list[int]], reason: str) -> None:
    found = bradley_terry(NAMES[: len(wins)], games(wins))
    assert found.values is None and found.reason == reason
    with pytest.raises(UsageError, match="there are no strengths"):
        found.ratings()


def test_covariates_that_tell_the_winner_leave_nothing_to_estimate() -> None:
    played = games([[0, 6], [5, 0]])
    played = replace(played, first=np.zeros(11, int), second=np.ones(11, int), outcome=np.repeat([1.0, 0.0], [6, 5]))
    told = bradley_terry(NAMES[:2], replace(played, covariates=np.where(played.outcome > 0, 1.0, -1.0)[:, None]))
    assert told.values is None and "covariates" in told.reason


def test_one_rater_alone_says_nothing_of_other_raters() -> None:
    played = replace(drawn(), raters=np.zeros(600, int))
    found = bradley_terry(NAMES, played)
    assert len(found.covariances) == 1 and found.freedom == 59


def test_bad_outcomes_are_told() -> None:
    played = games([[0, 2], [1, 0]])
    with pytest.raises(UsageError, match=r"the outcome 0\.7 is none of 0, 0\.5 and 1"):
        bradley_terry(NAMES[:2], replace(played, outcome=np.array([1, 0.7, 0])))
    with pytest.raises(UsageError, match="a is compared with itself"):
        bradley_terry(NAMES[:2], replace(played, second=np.zeros(3, int)))
    with pytest.raises(UsageError, match="there are no strengths: there are no ties"):
        bradley_terry(NAMES[:2], played, davidson=True).ratings()
