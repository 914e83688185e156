"""Scores of single ratings: direct assessments put on one scale, and marked errors weighed as MQM does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import UnknownName

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Array

SEVERITIES = {"neutral": 0.0, "minor": 1.0, "major": 5.0}
"""Weights of an error (Freitag et al., Experts, Errors, and Context, 2021)."""
PUNCTUATION, NON_TRANSLATION = "fluency/punctuation", "non-translation"
MINOR_PUNCTUATION, UNTRANSLATED = 0.1, 25.0


def standardised(raw: Array, raters: NDArray[np.int64]) -> Array:
    """z scores [n] of raw scores: less the rater's mean, in the rater's standard deviations (with n - 1).

    NaN for a rater of one score or of equal ones: nothing tells what such scores mean.
    """
    z = np.full(len(raw), np.nan)
    for rater in np.unique(raters):
        own = raw[raters == rater]
        spread = own.std(ddof=1) if len(own) > 1 else 0.0
        if spread > 0:
            z[raters == rater] = (own - own.mean()) / spread
    return z


def mqm(errors: Iterable[tuple[str, str]]) -> float:
    """Score of one text from its (category, severity) marks; 0 is faultless, higher is worse.

    Non-translation counts 25 and ends the sum, a minor error of punctuation .1, any other minor 1, major 5.
    Raises UnknownName for another severity.
    """
    total = 0.0
    for category, severity in errors:
        kind, grade = category.casefold(), severity.casefold()
        if grade not in SEVERITIES:
            raise UnknownName("severity", severity, SEVERITIES)
        if kind.startswith(NON_TRANSLATION):
            return UNTRANSLATED
        total += MINOR_PUNCTUATION if (grade, kind) == ("minor", PUNCTUATION) else SEVERITIES[grade]
    return total
