"""Calibration of choices: whether a model is right as often as its probabilities say, at no further cost.

The probabilities are the softmax of the choices' log-probabilities, each summed over the choice's tokens; the
confidence is the probability of the choice that was picked, which may be any of several right ones. Every expected
calibration error (ECE) has its bins in its name and the error that a perfectly calibrated model of the same confidences
would show beside it (``_floor``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.metrics.classify import UNIT, mean, ratio
from harness.types import Choose, Chosen, Failed, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Array, Example, Judged, Response, Task, Value

BINS = 10
SIMULATIONS = 200
WORST = -math.log(np.nextafter(0.0, 1.0))
"""-log of the smallest positive number, 744.4: what a right choice of probability 0 counts in ``nll_choice``."""


RIGHTS = "right_choices"
"""The field of an example that lists the indices of its right choices, where more than its target may be right."""


# --------------------------------------------------------------------------------------------------- of one example
def rights(example: Example) -> Sequence[int]:
    """Indices of the choices that are right: of most examples its target alone."""
    listed: Sequence[int] = example.fields.get(RIGHTS, (example.target,))
    return listed


def probabilities(logprobs: Sequence[float]) -> Array | None:
    """Softmax of the choices' log-probabilities [choices]; None where none is possible or one is no number."""
    scores = np.asarray(logprobs, float)
    if not len(scores) or np.isnan(scores).any() or not np.isfinite(scores.max()):
        return None
    weights = np.exp(scores - scores.max())
    shares: Array = weights / weights.sum()
    return shares


def choice_values(response: Chosen, right: Sequence[int]) -> dict[str, Value]:
    """Every calibration metric's value for one answer; nothing where the model gave no probabilities.

    The choices at the indices ``right`` are one outcome, whose probability is their sum.
    brier_multi: the sum over outcomes of (probability - 1 if right else 0)^2, 0..2 (Brier 1950).
    nll_choice: -log probability of what is right (natural). All others share the row (confidence, correct).
    """
    shares = probabilities(response.logprobs)
    if shares is None:
        return {}
    gap = np.append(np.delete(shares, list(right)), shares[list(right)].sum() - 1.0)
    row = (float(shares[response.picked]), float(response.picked in right))
    nll = min(max(_log_sum(response.logprobs) - _log_sum([response.logprobs[i] for i in right]), 0.0), WORST)
    # No dot product: the last digit of one depends on where in memory the vector lies.
    return {"brier_multi": math.fsum(gap * gap), "nll_choice": nll, **dict.fromkeys(PAIRED, row)}


def _log_sum(logs: Sequence[float]) -> float:
    """The logarithm of the sum of what these are the logarithms of."""
    top = max(logs)
    return top + math.log(math.fsum(math.exp(p - top) for p in logs)) if math.isfinite(top) else top


# ------------------------------------------------------------------------------------------------------------- bins
def width_places(confidence: Array, bins: int = BINS) -> NDArray[np.int64]:
    """The bin of each confidence [n] among ``bins`` of equal width on (0, 1], open to the left (Guo et al. 2017)."""
    return np.searchsorted(np.linspace(0.0, 1.0, bins + 1)[1:-1], confidence)


def mass_places(confidence: Array, bins: int = BINS) -> NDArray[np.int64]:
    """The bin of each confidence [n] among ``bins`` between its quantiles; equal confidences share a bin."""
    return np.searchsorted(np.quantile(confidence, np.linspace(0.0, 1.0, bins + 1))[1:-1], confidence)


PLACES = {"width": width_places, "mass": mass_places}


def _ece(kind: str) -> Metric:
    """sum over bins of |hits - sum of confidences| / n; an example's row is its gap in its own bin [BINS]."""

    def expand(rows: Array) -> Array:
        spread = np.zeros((len(rows), BINS))
        spread[np.arange(len(rows)), PLACES[kind](rows[:, 0])] = rows[:, 1] - rows[:, 0]
        return spread

    def reduce(sums: Array, n: Array) -> Array:
        return ratio(np.abs(sums).sum(-1), n, np.nan)

    return Metric(
        name=f"ece_{kind}_{BINS}",
        reduce=reduce,
        expand=expand,
        better="lower",
        bounds=UNIT,
        folded=True,
        limits=f"Noise alone makes it positive: compare it with ece_{kind}_{BINS}_floor. The interval is of the error "
        "in these bins without that noise.",
        signature=f"top choice|bins:{BINS} of equal {kind}",
    )


def _floor(kind: str) -> Metric:
    """The mean ECE over SIMULATIONS draws in which every answer is right with the probability it claims."""

    def reduce(rows: Array, n: Array) -> Array:
        confidence = rows[:, 0]
        places = PLACES[kind](confidence)
        generator = np.random.default_rng(0)
        errors = [
            np.abs(np.bincount(places, (generator.random(len(rows)) < confidence) - confidence, BINS)).sum() / len(rows)
            for _ in range(SIMULATIONS)
        ]
        return np.asarray(np.mean(errors))

    return Metric(
        name=f"ece_{kind}_{BINS}_floor",
        reduce=reduce,
        better="lower",
        interval="none",
        bounds=UNIT,
        additive=False,
        limits="No score: what a perfectly calibrated model of these confidences would show at this n.",
        signature=f"{SIMULATIONS} simulations, seed 0",
    )


def _accuracy_at(percent: int) -> Metric:
    """Accuracy of the most confident ``percent`` % of the answers; those tied at the threshold count by share."""

    def expand(rows: Array) -> Array:
        confidence = rows[:, 0]
        count = math.ceil(percent * len(rows) / 100)
        threshold = np.partition(confidence, len(rows) - count)[len(rows) - count]
        above, tied = confidence > threshold, confidence == threshold
        weight = above + tied * (count - above.sum()) / tied.sum()
        return np.column_stack([weight * rows[:, 1], weight])

    def reduce(sums: Array, n: Array) -> Array:
        return ratio(sums[..., 0], sums[..., 1], np.nan)

    return Metric(
        name=f"acc_at_{percent}",
        reduce=reduce,
        expand=expand,
        interval="wilson",
        bounds=UNIT,
        support=lambda rows: float(rows[:, 1].sum()),
        limits=f"n counts all answers, of which the most confident {percent} % are in the number.",
    )


_ALL = (
    mean("brier_multi", bounds=(0.0, 2.0), better="lower", signature="sum over choices, 0..2"),
    mean(
        "nll_choice", bounds=(0.0, math.inf), better="lower", signature="natural logarithm, normalised over the choices"
    ),
    _ece("mass"),
    _floor("mass"),
    _ece("width"),
    _floor("width"),
    _accuracy_at(50),
    _accuracy_at(80),
)
METRICS: tuple[Metric, ...] = tuple(replace(metric, family="calibration") for metric in _ALL)
PAIRED = tuple(metric.name for metric in METRICS[2:])


# ------------------------------------------------------------------------------------------------- of a task, a plot
def calibrated(task: Task) -> Task:
    """The task with the calibration of its choices; what is asked and how it is judged stay as they are.

    It applies to examples of one ``Choose`` whose target is the index of a right choice.
    """
    if task.requests != frozenset({Choose}):
        return task

    def judge(example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
        judged = task.judge(example, responses)
        first = responses[0]
        if isinstance(judged, Failed) or len(responses) != 1 or not isinstance(first, Chosen):
            return judged
        if not isinstance(example.target, int) or isinstance(example.target, bool):
            return judged
        return replace(judged, values={**judged.values, **choice_values(first, rights(example))})

    return replace(task, judge=judge, metrics=(*task.metrics, *METRICS))


@dataclass(frozen=True, slots=True)
class Bin:
    """One point of a reliability diagram: how many answers, their mean confidence and how many of them were right."""

    n: int
    confidence: float
    accuracy: float


def reliability(rows: Array, kind: str = "width") -> list[Bin]:
    """The bins that hold an answer, from rows [n, 2] of (confidence, correct): the samples' ``ece_*`` values."""
    places = PLACES[kind](rows[:, 0])
    groups = (rows[places == place] for place in range(BINS))
    return [Bin(len(g), float(g[:, 0].mean()), float(g[:, 1].mean())) for g in groups if len(g)]
