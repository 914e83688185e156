"""DROP's match and F1: spans and numbers, each bag of words paired with its best partner (Dua et al. 2019)."""

import re
import string
from collections.abc import Sequence

import numpy as np

Bag = frozenset[str]


def drop_values(answer: str, accepted: Sequence[Sequence[str]]) -> tuple[float, float]:
    """Exact match and F1 (0..1, two digits as the official script rounds) against the best accepted answer.

    An accepted answer is a list of spans. What a model writes is one span or, where several are wanted, the parts
    between its commas, whichever scores higher. Raises ValueError without an accepted answer.
    """
    parts = [part.strip() for part in answer.split(",") if part.strip()] or [answer]
    golds = [spans for spans in accepted if spans and spans[0].strip()]
    scores = [max(_against([answer], gold), _against(parts if len(gold) > 1 else [answer], gold)) for gold in golds]
    if not scores:
        raise ValueError("no accepted answer")
    return max(exact for exact, _ in scores), max(f1 for _, f1 in scores)


def _against(spans: Sequence[str], gold: Sequence[str]) -> tuple[float, float]:
    from scipy.optimize import linear_sum_assignment

    ours, theirs = [_normal(span) for span in spans], [_normal(span) for span in gold]
    exact = float(set(ours) == set(theirs) and len(ours) == len(theirs))
    bags = [[frozenset(text.split()) for text in side] for side in (theirs, ours)]
    table = np.array([[_f1(one, other) for other in bags[1]] for one in bags[0]])
    rows, columns = linear_sum_assignment(-table)
    return exact, round(float(table[rows, columns].sum()) / max(len(ours), len(theirs)), 2)


def _f1(gold: Bag, answer: Bag) -> float:
    """0 where the gold span has numbers and the answer has none of them."""
    numbers = {word for word in gold if _is_number(word)}
    if numbers and not numbers & answer:
        return 0.0
    shared = len(gold & answer)
    precision = shared / len(answer) if answer else 1.0
    recall = shared / len(gold) if gold else 1.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _normal(text: str) -> str:
    """Word by word (hyphens part them): lower case, no punctuation but in numbers, no articles, 3.0 for 3."""
    words = [_word(word) for word in re.split(" |-", text.lower())]
    return " ".join(" ".join(words).split())


def _word(word: str) -> str:
    bare = word if _is_number(word) else "".join(sign for sign in word if sign not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", str(float(bare)) if _is_number(bare) else bare)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
