"""The exam of a judge: pairs of answers that people have compared, and how far its rulings can be trusted.

Every pair is shown in both orders. Pairs in which people saw a tie are asked, but nothing can be right or wrong there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import DataError, UsageError, listed, quoted
from harness.judges import Ruling
from harness.kinds.judged import Match
from harness.metrics import stats
from harness.metrics.classify import UNIT, mean
from harness.people.agreement import agreement
from harness.people.analysis import Quantity, Section, quantity
from harness.reading.text import json_value, read_json_lines, read_text
from harness.types import Failed
from harness.visible import short_names

if TYPE_CHECKING:
    from harness.types import Array

FORMS = (
    ("input", "output_1", "output_2", "label"),
    ("question", "answer_1", "answer_2", "human"),
)
"""Columns of the question, its two answers, and the one that people prefer: LLMBar's and FairEval's."""
INSTRUCTION = (
    "Two answers to the same request follow. Decide which of them does better what the request asks for. Neither "
    "style, length nor the order in which they stand counts.\n\nRequest:\n{question}"
)


@dataclass(frozen=True, slots=True)
class ComparedPair:
    """Two answers to one question; ``human``: 1 or 2, the one that people prefer, 0 for a tie."""

    question: str
    first: str
    second: str
    human: int

    @property
    def match(self) -> Match:
        """What a judge is asked."""
        return Match(INSTRUCTION.replace("{question}", self.question), self.first, self.second)


def read_pairs(path: Path) -> list[ComparedPair]:
    """Pairs from JSON lines or a JSON list. Raises DataError that names the row."""
    if path.suffix == ".json":
        rows = json_value(read_text(path, "file of pairs"), str(path))
        if not isinstance(rows, list):
            raise DataError(f"{path}: is no list of pairs")
        numbered = list(enumerate(rows, 1))
    else:
        numbered = list(read_json_lines(path, "file of pairs"))
    if not numbered:
        raise DataError(f"{path}: holds no pairs")
    return [_pair(row, f"{path}:{number}") for number, row in numbered]


def _pair(row: Any, where: str) -> ComparedPair:
    form = next((form for form in FORMS if isinstance(row, Mapping) and set(form) <= row.keys()), None)
    if form is None:
        valid = " or ".join(", ".join(form) for form in FORMS)
        raise DataError(f"{where}: a pair has {valid}; there are {listed(row) if isinstance(row, Mapping) else 'none'}")
    question, first, second, human = (row[column] for column in form)
    texts = all(isinstance(text, str) for text in (question, first, second))
    if not texts or type(human) is not int or human not in (0, 1, 2):
        raise DataError(f"{where}: three texts and 0, 1 or 2 are wanted; {form[3]} is {quoted(human)}")
    return ComparedPair(question, first, second, human)


def exam_files(places: Sequence[Path]) -> dict[str, Path]:
    """Files of pairs by a name that each has alone; of a folder, every ``pairs.jsonl`` below it.

    Raises UsageError for a folder without.
    """
    files: dict[str, Path] = {}
    for place in places:
        below = sorted(place.rglob("pairs.jsonl")) if place.is_dir() else [place]
        if not below:
            raise UsageError(f"{place}: no pairs.jsonl lies below it")
        files |= {str(file.parent if file.stem == "pairs" else file.with_suffix("")): file for file in below}
    names = short_names(files)
    return {names[path]: file for path, file in files.items()}


# ------------------------------------------------------------------------------------------------------------- numbers
def examined(title: str, pairs: Sequence[ComparedPair], ruled: Sequence[Ruling]) -> Section:
    """How a judge did; pairs that it did not answer in both orders are left out, and counted."""
    both = [(pair, ruling) for pair, ruling in zip(pairs, ruled, strict=True) if not isinstance(ruling.winner, Failed)]
    lost = [r.winner for r in ruled if isinstance(r.winner, Failed)]
    note = f"{len(both)} of {len(pairs)} pairs, each in both orders"
    if lost:
        note += f"; without a ruling: {len(lost)} ({lost[0].kind}: {lost[0].message[:200]})"
    sides = np.array([(ruling.given, ruling.swapped) for _, ruling in both], dtype=float).reshape(-1, 2)
    return Section(title, tuple(_rows([pair for pair, _ in both], sides)) if both else (), note)


def _rows(pairs: Sequence[ComparedPair], sides: Array) -> Iterator[Quantity]:
    """The numbers of answered pairs; ``sides`` [n, 2]: the answer preferred in the given and in the swapped order."""
    people = np.array([pair.human for pair in pairs], dtype=float)
    settled = people > 0
    right = sides[settled] == people[settled, None]
    yield _share("agreement", right.mean(axis=1), "with people, mean of both orders")
    yield _share("right in both orders", right.all(axis=1))
    yield _kappa(people[settled], sides[settled])
    yield _share("order consistency", sides[:, 0] == sides[:, 1], "the same answer in both orders")
    yield _share("first position", (sides == [1.0, 2.0]).mean(axis=1), "half without bias", _position)
    longer = np.array([1 + (len(pair.second) > len(pair.first)) for pair in pairs], dtype=float)
    uneven = np.array([len(pair.first) != len(pair.second) for pair in pairs])
    theirs = people[uneven & settled] == longer[uneven & settled]
    compared = f"people: {theirs.mean():.2f}" if len(theirs) else ""
    yield _share("longer answer", (sides[uneven] == longer[uneven, None]).mean(axis=1), compared)


def _share(
    name: str, values: Array, note: str = "", verdict: Callable[[float, float], str] = lambda low, high: ""
) -> Quantity:
    """The mean of one number from 0 to 1 of each pair, pairs being what another exam would draw anew."""
    if not len(values):
        return Quantity(name, None, note="no pair tells")
    rows = np.asarray(values, dtype=float)[:, None]
    metric = mean(name, bounds=UNIT)
    ends = stats.confidence(metric, rows, np.arange(len(rows)))
    told = verdict(*ends) if ends else ""
    return quantity(name, stats.point(metric, rows), ends, len(rows), "; ".join(filter(None, (told, note))))


def _position(low: float, high: float) -> str:
    if low > 0.5:
        return "POSITION BIAS: it prefers what stands first"
    return "POSITION BIAS: it prefers what stands second" if high < 0.5 else ""


def _kappa(people: Array, sides: Array) -> Quantity:
    """Cohen's kappa of people and both orders; the two rulings of a pair are drawn together."""
    ratings = np.stack([np.repeat(people, 2), sides.ravel()], axis=1)
    kappa = agreement(ratings, "conger", categories=(1.0, 2.0), clusters=np.repeat(np.arange(len(people)), 2))
    return quantity("kappa", kappa.value, kappa.interval(), len(people), "beyond chance; 0 is a coin")
