"""FEVER score: is a claim judged rightly, and on evidence that is enough? From predictions of label and evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import DataError, quoted
from harness.metrics import stats
from harness.metrics.classify import UNIT, mean, proportion, ratio
from harness.reading.text import read_json_lines
from harness.types import Metric

if TYPE_CHECKING:
    from harness.types import Array

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
class FeverNumber:
    """A number of ``n`` claims with its 95 % interval, which one claim does not give."""

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class FeverScore:
    """``score``: label right and, where evidence is asked for, proven. ``accuracy``: label right.

    ``precision`` and ``recall`` of evidence are means over the claims that ask for it, None where none does; ``f1`` is
    that of the two means, as published.
    """

    score: FeverNumber
    accuracy: FeverNumber
    precision: FeverNumber | None
    recall: FeverNumber | None
    f1: FeverNumber | None

    @property
    def with_evidence(self) -> int:
        """How many claims ask for evidence."""
        return self.recall.n if self.recall else 0


def fever_score(claims: Sequence[Claim]) -> FeverScore:
    """The scores of the FEVER shared task (Thorne et al. 2018). Raises DataError for no claims."""
    if not claims:
        raise DataError("there are no claims: an empty result is not a score")
    asked = [claim for claim in claims if claim.label != UNKNOWN]
    both = np.array([(claim.precision, claim.complete) for claim in asked], float).reshape(-1, 2)
    right = np.array([claim.right for claim in claims], float)
    strict = np.array([claim.right and (claim.label == UNKNOWN or claim.proven) for claim in claims], float)
    return FeverScore(
        _number(proportion("fever_score"), strict),
        _number(proportion("label_accuracy"), right),
        _number(mean("evidence_precision", bounds=UNIT), both[:, 0]) if asked else None,
        _number(proportion("evidence_recall"), both[:, 1]) if asked else None,
        _number(F1, both) if asked else None,
    )


def _reduce_f1(sums: Array, n: Array) -> Array:
    """F1 of two means: sums [..., 2] of precision and recall, n [...] -> [...]."""
    return ratio(2 * sums[..., 0] * sums[..., 1], (sums[..., 0] + sums[..., 1]) * n, 0.0)


F1 = Metric(name="evidence_f1", reduce=_reduce_f1, bounds=UNIT)


def _number(metric: Metric, rows: Array) -> FeverNumber:
    """A metric of claims, each of which is a cluster of its own: rows [n] or [n, columns]."""
    claims = np.arange(len(rows))
    low, high = stats.confidence(metric, rows, claims) or (None, None)
    return FeverNumber(float(stats.point(metric, rows, claims)), low, high, len(rows))


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
