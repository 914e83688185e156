"""A list of terms as a scorer: 1 for a text that holds one of them as whole words, else 0."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from harness.errors import DataError, quoted
from harness.reading.text import read_lines
from harness.scorers.checked import checked
from harness.types import Scorer

_WORD = re.compile(r"\w+")


def read_terms(path: Path) -> list[str]:
    """The terms of a file, one a line, without case; blank lines are skipped.

    Raises DataError that names the line of a repeated term, and for a file that is missing, no UTF-8 or empty.
    """
    seen: dict[str, int] = {}
    for number, line in enumerate(read_lines(path, "lexicon"), 1):
        term = " ".join(line.casefold().split())
        if term in seen:
            raise DataError(f"{path}:{number}: {quoted(line.strip())} is already on line {seen[term]}")
        if term:
            seen[term] = number
    if not seen:
        raise DataError(f"{path}: a lexicon without a term")
    return list(seen)


def lexicon(path: Path) -> Scorer:
    """The scorer of a file of terms. Raises as ``read_terms`` does."""
    terms = read_terms(path)
    words = {term for term in terms if _WORD.fullmatch(term)}
    others = [re.escape(term) for term in terms if term not in words]
    # Phrases and terms with signs in them: no letter or digit may touch either end.
    phrases = re.compile(rf"(?<!\w)(?:{'|'.join(others)})(?!\w)") if others else None

    def score(texts: Sequence[str]) -> list[float]:
        return [float(_holds(text, words, phrases)) for text in texts]

    fingerprint = {"lexicon": hashlib.sha256("\n".join(sorted(terms)).encode()).hexdigest(), "terms": str(len(terms))}
    return checked(f"lexicon:{path.name}", fingerprint, score, sample=terms[0])


def _holds(text: str, words: set[str], phrases: re.Pattern[str] | None) -> bool:
    plain = " ".join(text.casefold().split())
    return not words.isdisjoint(_WORD.findall(plain)) or bool(phrases and phrases.search(plain))
