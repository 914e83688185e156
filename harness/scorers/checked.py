"""A scorer whose output is never trusted: every number is checked."""

import math
from collections.abc import Callable, Mapping, Sequence

from harness.types import Failed, Score, Scorer

BATCH = 256
"""Texts handed to a scorer at once."""

Function = Callable[[Sequence[str]], Sequence[float]]
"""Texts -> one number from 0 to 1 each, in their order."""


def checked(name: str, fingerprint: Mapping[str, str], function: Function, sample: str = "") -> Scorer:
    """A scorer around any function; ``sample`` is a text that it scores high, if one is known.

    What raises, and what gives another count or no number from 0 to 1, becomes Failed for the texts concerned.
    """

    def score(texts: Sequence[str]) -> list[Score]:
        parts = (texts[start : start + BATCH] for start in range(0, len(texts), BATCH))
        return [one for part in parts for one in _scores(function, part)]

    return Scorer(name, dict(fingerprint), score, sample)


def _scores(function: Function, texts: Sequence[str]) -> list[Score]:
    """Scores of one batch; where it fails as a whole, of each text alone, so that one bad text fails alone."""
    try:
        values = list(function(texts))
        if len(values) == len(texts):
            return [_number(value) for value in values]
        reason = f"gave {len(values)} scores for {len(texts)} texts"
    except Exception as error:  # whatever a user's scorer raises
        reason = f"raised {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    if len(texts) == 1:
        return [Failed("scorer", reason)]
    return [score for text in texts for score in _scores(function, [text])]


def _number(value: object) -> Score:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return Failed("scorer", f"gave {value!r}, no number")
    if math.isnan(number) or not 0 <= number <= 1:
        return Failed("scorer", f"gave {number}, not a number from 0 to 1")
    return number
