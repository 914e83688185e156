"""FEVER score: is a claim judged rightly, and on evidence that is enough? From predictions of label and evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import DataError, quoted
from harness.metrics import stats
from harness.metrics.classify import proportion
from harness.reading.text import read_json_lines

LABELS = ("SUPPORTS", "REFUTES", "NOT ENOUGH INFO")
UNKNOWN = LABELS[2]
MOST = 5
"""Sentences of predicted evidence that count, the first ones (Thorne et al. 2018)."""
Sentence = tuple[str, int]
"""(page, line)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim's label with its evidence, any group of which is enough, and what was predicted for it."""

    label: str
    evidence: tuple[frozenset[Sentence], ...]
    predicted_label: str
    predicted_evidence: tuple[Sentence, ...]

    @property
    def right(self) -> bool:
        """The label is right."""
        return self.label == self.predicted_label

    @property
    def proven(self) -> bool:
        """A whole group of evidence is among the first MOST predicted sentences."""
        predicted = set(self.predicted_evidence[:MOST])
        return any(group <= predicted for group in self.evidence)

    @property
    def complete(self) -> bool:
        """The same for recall: a claim without evidence has none to miss."""
        return not self.evidence or self.proven

    @property
    def precision(self) -> float:
        """The share of the first MOST predicted sentences that some group holds; 1 where none was predicted."""
        given = self.predicted_evidence[:MOST]
        known = frozenset().union(*self.evidence)
        return sum(one in known for one in given) / len(given) if given else 1.0


@dataclass(frozen=True, slots=True)
class FeverShare:
    """A share of claims with Wilson's 95 % interval."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class FeverScore:
    """``score``: label right and, where evidence is asked for, proven. ``accuracy``: label right.

    ``precision`` and ``recall`` of evidence are means over the ``with_evidence`` claims that ask for it, None where
    none does; ``f1`` is that of the two means, as published.
    """

    score: FeverShare
    accuracy: FeverShare
    precision: float | None
    recall: float | None
    f1: float | None
    with_evidence: int


def fever_score(claims: Sequence[Claim]) -> FeverScore:
    """The scores of the FEVER shared task (Thorne et al. 2018). Raises DataError for no claims."""
    if not claims:
        raise DataError("there are no claims: an empty result is not a score")
    asked = [claim for claim in claims if claim.label != UNKNOWN]
    precision = sum(claim.precision for claim in asked) / len(asked) if asked else None
    recall = sum(claim.complete for claim in asked) / len(asked) if asked else None
    f1 = None
    if precision is not None and recall is not None:
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    strict = [claim.right and (claim.label == UNKNOWN or claim.proven) for claim in claims]
    return FeverScore(
        _share("fever_score", strict),
        _share("label_accuracy", [claim.right for claim in claims]),
        precision,
        recall,
        f1,
        len(asked),
    )


def _share(name: str, hits: Sequence[bool]) -> FeverShare:
    values = np.array(hits, float)
    low, high = stats.confidence(proportion(name), values, np.arange(len(values))) or (
        0.0,
        1.0,
    )  # one claim tells nothing
    return FeverShare(float(values.mean()), low, high, len(values))


def claims_of(path: Path) -> list[Claim]:
    """The claims of JSON lines as the shared task has them, gold and prediction in one row:

    {"label": "REFUTES", "evidence": [[[1, 2, "Page", 3]]], "predicted_label": ..., "predicted_evidence": [["Page", 3]]}

    Raises DataError with the line for what is none.
    """
    return [_claim(row, f"{path}:{number}") for number, row in read_json_lines(path, "file of claims")]


def _claim(row: Mapping[str, Any], where: str) -> Claim:
    lacking = [key for key in ("label", "predicted_label", "evidence", "predicted_evidence") if key not in row]
    if lacking:
        raise DataError(f"{where}: a claim lacks the field {lacking[0]}")
    gold, predicted = (_label(row[key], f"{where}: {key}") for key in ("label", "predicted_label"))
    groups = _list(row["evidence"], f"{where}: evidence")
    evidence = tuple(
        frozenset(_sentence(one[2:], where) for one in _list(group, f"{where}: evidence"))
        for group in (groups if gold != UNKNOWN else ())
    )
    given = tuple(_sentence(one, where) for one in _list(row["predicted_evidence"], f"{where}: predicted_evidence"))
    return Claim(gold, evidence, predicted, given)


def _label(value: Any, where: str) -> str:
    if not isinstance(value, str) or value.upper() not in LABELS:
        raise DataError(f"{where} is {quoted(value, 80)}, none of {', '.join(LABELS)}")
    return value.upper()


def _list(value: Any, where: str) -> list[Any]:
    """A list of lists. Raises DataError."""
    if not isinstance(value, list) or not all(isinstance(one, list) for one in value):
        raise DataError(f"{where} is {quoted(value, 80)}, not a list of lists")
    return value


def _sentence(value: Sequence[Any], where: str) -> Sentence:
    if len(value) != 2 or not isinstance(value[0], str) or type(value[1]) is not int:
        raise DataError(f"{where}: {quoted(list(value), 80)} is no sentence of evidence: [page, line]")
    return value[0], value[1]
