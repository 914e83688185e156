"""FActScore: the share of an answer's atomic facts that a source supports, from facts that people have labelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.errors import DataError
from harness.metrics import stats
from harness.metrics.classify import mean

Label = Literal["S", "NS", "IR"]
"""Supported, not supported, irrelevant."""
MEAN = mean("factscore", bounds=(0.0, 1.0))


@dataclass(frozen=True, slots=True)
class FactScore:
    """Mean share of supported facts over ``n`` answers, with its 95 % interval; ``abstained`` answers have no fact."""

    value: float
    low: float | None
    high: float | None
    n: int
    abstained: int


def factscore(answers: Sequence[Sequence[Label]]) -> FactScore:
    """Min et al. (2023), without the penalty for short answers: each answer's share counts once.

    Irrelevant facts count as not supported, as in the published figures. Answers without a fact are left out and
    counted. Raises DataError where no answer has one, and for a label that is none.
    """
    odd = next((label for facts in answers for label in facts if label not in ("S", "NS", "IR")), None)
    if odd is not None:
        raise DataError(f"label {odd!r} is none of S, NS, IR")
    shares = np.array([sum(label == "S" for label in facts) / len(facts) for facts in answers if facts])
    if not len(shares):
        raise DataError("no answer has a labelled fact: an empty result is not a score")
    low, high = stats.confidence(MEAN, shares, np.arange(len(shares))) or (None, None)
    return FactScore(float(shares.mean()), low, high, len(shares), len(answers) - len(shares))
