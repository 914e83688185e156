"""The published rules of "this item was seen", each under its own name, and what they say of an item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.contamination.scan import Coverage, GramIndex, N
from harness.errors import UnknownName

Verdict = Literal["dirty", "clean", "between", "too short"]
SHORTEST = 8
"""Words below which a text is no evidence: every corpus has "what is the capital of"."""
NEAR, FEWEST = 0.3, 6
"""Share of an item's 5-word sequences, and their number, close together, from which on a text is nearly the item.

One changed word breaks up to five of them: of 30 words, three changes leave two fifths at the least.
"""
COMMON = 10
"""GPT-3's rule leaves out sequences that more documents than this hold."""

RULES: Mapping[str, str] = {
    "gpt3_ngram": (
        "a sequence of N words (N: the 5th percentile of the items' lengths within 8..13) is in 1 to 10 documents "
        "(Brown et al. 2020)"
    ),
    "palm_8gram_70": "at least 70 % of the 8-word sequences were seen (Chowdhery et al. 2022)",
    "llama2_10token_80": (
        "at least 80 % of the words lie in a seen sequence of 10; below 20 % is clean; words stand for tokens "
        "(Touvron et al. 2023)"
    ),
    "gpt4_50char": "one of three random runs of 50 letters and digits was seen (OpenAI 2023)",
    "longest_match": f"the longest shared run of words is at least half of the item, and at least {SHORTEST} words",
    "near_duplicate": (
        f"at least {NEAR:.0%} of the 5-word sequences lie within one and a half lengths of the item in one document"
    ),
}
"""Name of a rule -> what it asks."""


def require_rule(name: str) -> None:
    """Raises UnknownName for what is no rule."""
    if name not in RULES:
        raise UnknownName("rule", name, RULES)


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a corpus has of one text: the longest shared run of ``words``, the nearest stretch, a verdict by rule."""

    words: int
    longest: int
    nearest: float
    verdicts: Mapping[str, Verdict]


def gpt3_length(lengths: Sequence[int]) -> int:
    """GPT-3's N: the 5th percentile of the items' lengths in words, within 8..13."""
    known = [length for length in lengths if length]
    return int(np.clip(np.percentile(known, 5), 8, 13)) if known else 8


def findings(index: GramIndex, seen: Coverage, n: int) -> list[Overlap]:
    """What was seen of every item, ``n`` as the scan counted documents."""
    return [_finding(index, seen, item, n) for item in range(len(index.starts) - 1)]


def _finding(index: GramIndex, seen: Coverage, item: int, n: int) -> Overlap:
    begin, end = int(index.starts[item]), int(index.starts[item + 1])
    words, longest, nearest = end - begin, int(seen.longest[item]), float(seen.nearest[item])
    documents = seen.documents[begin:end]
    covered = {width: flags[begin:end] for width, flags in seen.covered.items()}
    whole = longest >= words
    eight = _sequences(covered[8], 8)
    tens = float(covered[10].mean()) if words >= 10 else float(whole)
    verdicts: dict[str, Verdict] = {
        "gpt3_ngram": _dirty(bool(((documents > 0) & (documents <= COMMON)).any()) if words >= n else whole),
        "palm_8gram_70": _dirty(eight >= 0.7 if words >= 8 else whole),
        "llama2_10token_80": "dirty" if tens >= 0.8 else "clean" if tens < 0.2 else "between",
        "gpt4_50char": _dirty(bool(seen.letters[item])),
        "longest_match": _dirty(longest >= max(SHORTEST, words / 2)),
        "near_duplicate": _dirty(whole or (nearest >= NEAR and nearest * (words - N + 1) >= FEWEST)),
    }
    if words < SHORTEST:
        verdicts = dict.fromkeys(RULES, "too short")
    return Overlap(words, longest, max(nearest, float(whole)), verdicts)


def _sequences(covered: np.ndarray, n: int) -> float:
    """The share of an item's ``n``-word sequences that were seen: a run of r covered words has r - n + 1 of them."""
    if len(covered) < n:
        return 0.0
    sums = np.cumsum(np.concatenate([[0], covered]))
    return float(((sums[n:] - sums[:-n]) == n).mean())


def _dirty(seen: bool) -> Verdict:
    return "dirty" if seen else "clean"
