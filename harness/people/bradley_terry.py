"""Bradley-Terry: strengths of models from who was preferred to whom, with intervals over prompts and raters.

P(i is preferred to j) = 1 / (1 + exp(b_j - b_i)) (Bradley and Terry 1952). A tie is half a win for each, or, with
Davidson's nu (1970), an outcome of its own with the weight nu * sqrt of both strengths. Covariates, such as a
difference in length, get coefficients of their own, so that strengths are those at equal covariates.

One prompt is judged often and one rater judges often, so the errors are a sandwich whose middle is summed by prompt
and by rater (Cameron, Gelbach and Miller 2011); of the two and both together the largest variance of a contrast is
used, with Student's t for the fewest clusters. Strengths exist only if no group of models wins all or loses all its
comparisons with the rest (Ford 1957): otherwise there is a reason and no number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import UsageError
from harness.metrics.intervals import quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.metrics.intervals import Ends
    from harness.types import Array

    Codes = NDArray[np.int64]

SCALE = 400 / math.log(10)
"""Points of a rating for one unit of log-strength, as in chess: 400 points are odds of 10 to 1."""
ANCHOR = 1000.0
"""The mean rating."""
STEPS = 100


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Who met whom [n]: numbers of the models, ``outcome`` 1 where the first won, 0.5 for a tie, 0 for a loss.

    ``prompts`` and ``raters`` [n]: what was judged and by whom. ``covariates`` [n, c]: first less second.
    """

    first: Codes
    second: Codes
    outcome: Array
    prompts: Codes
    raters: Codes
    covariates: Array | None = None


@dataclass(frozen=True, slots=True)
class Strengths:
    """Log-strengths [m] with mean 0, or why there are none; ``tie`` is Davidson's log nu where that was asked for.

    ``covariances``: of all parameters by prompt, by rater and by both; those of one cluster are left out.
    ``freedom``: the fewest clusters less one. ``comparisons``: how many there are, ``ties`` of them.
    """

    names: tuple[str, ...]
    values: Array | None
    comparisons: int
    ties: int
    reason: str = ""
    coefficients: Array = field(default_factory=lambda: np.zeros(0))
    tie: float | None = None
    covariances: tuple[Array, ...] = ()
    freedom: int = 0

    def error(self, contrast: Array) -> float | None:
        """Standard error of a sum of parameters (strengths, then coefficients) with the weights ``contrast``."""
        if not self.covariances:
            return None
        return math.sqrt(max(0.0, *(float(contrast @ covariance @ contrast) for covariance in self.covariances)))

    def difference(self, first: int, second: int, level: float = 0.95) -> tuple[float, Ends | None]:
        """Log-strength of the first less the second, with its interval."""
        contrast = self._unit(first) - self._unit(second)
        return self._estimate(contrast, level)

    def ratings(self, level: float = 0.95) -> list[tuple[float, Ends | None]]:
        """Every model's rating, mean 1000, 400 points for odds of 10 to 1, with its interval."""
        points = [self._estimate(self._unit(model), level) for model in range(len(self.names))]
        return [(_rating(value), (_rating(ends[0]), _rating(ends[1])) if ends else None) for value, ends in points]

    def ranks(self, level: float = 0.95) -> list[tuple[int, int]]:
        """(best, worst) rank of every model that the intervals of differences allow."""
        count = len(self.names)
        ends = [[self.difference(i, j, level)[1] if i != j else None for j in range(count)] for i in range(count)]
        below = [sum(1 for one in row if one is not None and one[1] < 0) for row in ends]
        above = [sum(1 for one in row if one is not None and one[0] > 0) for row in ends]
        return [(1 + losses, count - wins) for losses, wins in zip(below, above, strict=True)]

    def _unit(self, model: int) -> Array:
        unit = np.zeros(len(self.covariances[0]) if self.covariances else len(self.names) + len(self.coefficients))
        unit[model] = 1.0
        return unit

    def _estimate(self, contrast: Array, level: float) -> tuple[float, Ends | None]:
        if self.values is None:
            raise UsageError(f"there are no strengths: {self.reason}")
        value = float(contrast[: len(self.values)] @ self.values)
        error = self.error(contrast)
        if error is None or self.freedom < 1:
            return value, None
        half = quantile((1 + level) / 2, self.freedom) * error
        return value, (value - half, value + half)


def bradley_terry(names: Sequence[str], played: Comparisons, *, davidson: bool = False) -> Strengths:
    """Strengths of the models ``names``; ``davidson``: ties are an outcome of their own instead of half a win each.

    Raises UsageError for an outcome that is neither 0, 0.5 nor 1 and for a model compared with itself.
    """
    _checked(names, played)
    ties = int((played.outcome == 0.5).sum())
    reason = _unconnected(names, played)
    if not reason and davidson and not ties:
        reason = "there are no ties, from which Davidson's nu would be estimated"
    if reason:
        return Strengths(tuple(names), None, len(played.outcome), ties, reason)
    features, weights = _design(len(names), played, davidson)
    fitted = _maximise(features, weights)
    if fitted is None:
        return Strengths(tuple(names), None, len(played.outcome), ties, "the covariates tell winners from losers")
    beta, bread, scores = fitted
    count = len(names)
    styles = features.shape[2] - count - int(davidson)
    covariances, freedom = _sandwich(bread, scores, played)
    return Strengths(
        tuple(names),
        beta[:count],
        len(played.outcome),
        ties,
        "",
        beta[count : count + styles],
        float(beta[-1]) if davidson else None,
        covariances,
        freedom,
    )


def _checked(names: Sequence[str], played: Comparisons) -> None:
    wrong = played.outcome[~np.isin(played.outcome, (0.0, 0.5, 1.0))]
    if len(wrong):
        raise UsageError(f"the outcome {wrong[0]:g} is none of 0, 0.5 and 1")
    same = played.first[played.first == played.second]
    if len(same):
        raise UsageError(f"{names[int(same[0])]} is compared with itself")


def _unconnected(names: Sequence[str], played: Comparisons) -> str:
    """Why there is no maximum of the likelihood; empty where there is one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(names)
    winners = np.concatenate([played.first[played.outcome > 0], played.second[played.outcome < 1]])
    losers = np.concatenate([played.second[played.outcome > 0], played.first[played.outcome < 1]])
    graph = coo_array((np.ones(len(winners)), (winners, losers)), shape=(count, count)).tocsr()
    parts, of = connected_components(graph, connection="weak")
    if parts > 1:
        return f"{_group(names, of)} never met the other models"
    parts, of = connected_components(graph, connection="strong")
    if parts > 1:
        return f"{_group(names, of)} won all or lost all comparisons with the other models"
    return ""


def _group(names: Sequence[str], of: Codes) -> str:
    """The smallest part of the models."""
    smallest = int(np.argmin(np.bincount(of)))
    return " and ".join(name for name, part in zip(names, of, strict=True) if part == smallest)


def _design(count: int, played: Comparisons, davidson: bool) -> tuple[Array, Array]:
    """(features [n, outcomes, parameters], share of each outcome [n, outcomes]): first wins, second wins, and a tie."""
    n, rows = len(played.outcome), np.arange(len(played.outcome))
    styles = played.covariates if played.covariates is not None else np.zeros((n, 0))
    features = np.zeros((n, 2 + int(davidson), count + styles.shape[1] + int(davidson)))
    features[rows, 0, played.first] = 1.0
    features[rows, 1, played.second] = 1.0
    features[:, 0, count : count + styles.shape[1]] = styles / 2
    features[:, 1, count : count + styles.shape[1]] = -styles / 2
    if not davidson:
        return features, np.stack([played.outcome, 1 - played.outcome], axis=1)
    features[:, 2] = features[:, :2].mean(axis=1)
    features[:, 2, -1] = 1.0
    return features, np.stack([played.outcome == 1, played.outcome == 0, played.outcome == 0.5], axis=1).astype(float)


def _maximise(features: Array, weights: Array) -> tuple[Array, Array, Array] | None:
    """(parameters [p], inverse of the information [p, p], scores [n, p]) of a conditional logit, by Newton's method.

    Strengths are known up to a constant: the pseudo-inverse takes the solution with mean 0. None without convergence.
    """
    beta = np.zeros(features.shape[2])
    seen = np.einsum("nk,nkp->np", weights, features)
    for _ in range(STEPS):
        utility = features @ beta
        share = np.exp(utility - utility.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        mean = np.einsum("nk,nkp->np", share, features)
        scores = seen - mean
        information = np.einsum("nk,nkp,nkq->pq", share, features, features, optimize=True) - mean.T @ mean
        bread = np.linalg.pinv(information, rcond=1e-10, hermitian=True)
        step = bread @ scores.sum(axis=0)
        beta = beta + step * min(1.0, 2.0 / max(1e-300, float(np.abs(step).max())))
        if np.abs(beta).max() > 50:
            return None
        if np.abs(step).max() < 1e-10:
            return beta, bread, scores
    return None


def _sandwich(bread: Array, scores: Array, played: Comparisons) -> tuple[tuple[Array, ...], int]:
    """(covariances by prompt, by rater, and by both less their overlap; degrees of freedom)."""
    _, prompts = np.unique(played.prompts, return_inverse=True)
    _, raters = np.unique(played.raters, return_inverse=True)
    both = prompts * (int(raters.max()) + 1) + raters
    by_prompt, by_rater, by_both = (_clustered(bread, scores, codes) for codes in (prompts, raters, both))
    known = [covariance for covariance in (by_prompt, by_rater) if covariance is not None]
    if by_prompt is not None and by_rater is not None and by_both is not None:
        known.append(by_prompt + by_rater - by_both)
    fewest = min((len(np.unique(codes)) for codes in (prompts, raters) if codes.max() > 0), default=1)
    return tuple(known), fewest - 1


def _clustered(bread: Array, scores: Array, codes: Codes) -> Array | None:
    """Covariance with the middle summed by cluster; None for one cluster."""
    codes = np.unique(codes, return_inverse=True)[1]
    count = int(codes.max()) + 1
    if count < 2:
        return None
    sums = np.zeros((count, scores.shape[1]))
    np.add.at(sums, codes, scores)
    return np.asarray(count / (count - 1) * bread @ (sums.T @ sums) @ bread)


def _rating(value: float) -> float:
    return ANCHOR + SCALE * value
