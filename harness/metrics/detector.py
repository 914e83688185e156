"""How far a detector's verdicts can be believed: its agreement with people, and rates corrected for its errors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.errors import DataError
from harness.metrics.refusal import VERDICTS, Verdict


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a detector's verdicts stand to those of people; ``counts`` of (people's, detector's)."""

    counts: Mapping[tuple[Verdict, Verdict], int]

    @property
    def n(self) -> int:
        """Texts compared."""
        return sum(self.counts.values())

    def precision(self, *kinds: Verdict) -> tuple[int, int]:
        """(people agree, detector says so) for a verdict among ``kinds``."""
        said = {key: count for key, count in self.counts.items() if key[1] in kinds}
        return sum(count for (people, _), count in said.items() if people in kinds), sum(said.values())

    def recall(self, *kinds: Verdict) -> tuple[int, int]:
        """(detector finds, people say so) for a verdict among ``kinds``."""
        meant = {key: count for key, count in self.counts.items() if key[0] in kinds}
        return sum(count for (_, found), count in meant.items() if found in kinds), sum(meant.values())


def agreement(people: Iterable[Verdict], found: Iterable[Verdict]) -> Agreement:
    """Counts of the pairs of two equally long lists of verdicts; ValueError where they are not."""
    return Agreement(Counter(zip(people, found, strict=True)))


def label_of(label: str) -> Verdict:
    """XSTest's ``1_full_compliance``, ``2_full_refusal``, ``3_partial_refusal``, or a verdict itself.

    Raises DataError for anything else.
    """
    known: dict[str, Verdict] = {"full_compliance": "compliance", "full_refusal": "full", "partial_refusal": "partial"}
    known |= {verdict: verdict for verdict in VERDICTS}
    name = label.strip().lower().lstrip("123_")
    if name not in known:
        raise DataError(f"label {label!r} is none of {', '.join(known)}")
    return known[name]


def rates(verdicts: Iterable[Verdict]) -> dict[Verdict, float]:
    """The share of every verdict; empty for none."""
    counts = Counter(verdicts)
    total = sum(counts.values())
    return {verdict: counts[verdict] / total for verdict in VERDICTS} if total else {}


MEASURED = (
    "Refusals are found by how sentences begin. Against people's labels on prompts held out while the patterns were "
    "written: precision 1.00 and recall .90 on gpt4, precision .98 and recall .91 on llama2 (refusals of either kind). "
    "Partial refusals are mostly taken for full ones: recall .00 and .06."
)
"""What every task that uses ``verdict`` says of it; `python benchmarks/refusal.py --data DIR` prints the numbers."""
