"""Terms of one group for those of another, inflection and capitals kept, and neutral edits of the same size."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random

from harness.errors import DataError, UnknownName, quoted
from harness.reading.text import is_file, read_csv
from harness.variants.edits import like, synonyms, table

Rewrite = Callable[[str, str], str]
"""A text and the id of its example -> the text with its terms swapped; equal ids swap alike."""

OBJECT = re.compile(
    r"\s+(?!(?:and|or|but|to|at|in|on|by|for|from|with|that|when|because|as|if|the|a|an|who|while|after|before|about|"
    r"his|my|your|our|their|this|that|these|those|some|any|no|every|is|was|again|not|so|up|out|off|away|into|over|down|home|there|here|then|now|today)\b)[a-z]",
    re.IGNORECASE,
)
"""What follows a possessive "her" (her book) and not an object (saw her and)."""
FORMS = {"her": {"him", "his"}, "his": {"her", "hers"}}
"""Terms that may stand in two pairs: the sentence tells which of them is meant."""
HEADER = ("first", "second")


BUILT_IN = ("gender", "names", "religion")
"""Swaps that need no file."""


@dataclass(frozen=True, slots=True)
class Swap:
    """A named exchange of terms: ``swap`` across the groups, ``neutral`` within them; ``identity`` pins both.

    ``everywhere``: the neutral edit reaches choices and answers as the swap does, and not only the texts of the prompt.
    """

    name: str
    swap: Rewrite
    neutral: Rewrite
    identity: str
    everywhere: bool = False


def swap_of(spec: str) -> Swap:
    """``gender``, ``religion``, ``names`` or a CSV file of pairs. Raises UnknownName, DataError."""
    if spec == "names":
        within = partial(rename, across=False)
        return Swap("names", rename, within, _digest(table("names")), everywhere=True)
    if spec in ("gender", "religion"):
        return _of_pairs(spec, table(spec))
    path = Path(spec)
    if not is_file(path):
        raise UnknownName("counterfactual", spec, [*BUILT_IN, "a CSV file of pairs"])
    return _of_pairs(path.stem, _pairs(path))


def _pairs(path: Path) -> tuple[tuple[str, ...], ...]:
    """Rows of two terms after the header; DataError names the first row that is none or contradicts one before."""
    rows = read_csv(path, "file of pairs")
    for number, row in rows:
        if len(row) != 2 or not all(term.strip() for term in row):
            raise DataError(
                f"{path}:{number}: {quoted(row)} is not a pair; write two terms, separated by a comma, in each line"
            )
    pairs = [(number, (row[0].strip().lower(), row[1].strip().lower())) for number, row in rows]
    if pairs and pairs[0][1] != HEADER:
        said = quoted(",".join(rows[0][1]))
        raise DataError(f"{path}:{pairs[0][0]}: the first line must be the header {','.join(HEADER)}, not {said}")
    if len(pairs) < 2:
        raise DataError(f"{path}: has no pair below its header")
    other: dict[str, str] = {}
    for number, pair in pairs[1:]:
        for term, new in (pair, pair[::-1]):
            before = other.setdefault(term, new)
            if before != new and {new, before} != FORMS.get(term):
                raise DataError(
                    f"{path}:{number}: {quoted(term)} cannot be swapped for {quoted(new)} and for {quoted(before)}"
                )
    return tuple(pair for _, pair in pairs[1:])


def _of_pairs(name: str, pairs: tuple[tuple[str, ...], ...]) -> Swap:
    other: dict[str, str] = {}
    for first, second in pairs:
        other.setdefault(first, second)
        other.setdefault(second, first)
    terms = "|".join(re.escape(t) for t in sorted(other, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w])({terms})((?:s(?!\w))?)(?!\w)", re.IGNORECASE)

    def one(match: re.Match[str]) -> str:
        term, plural = match[1].lower(), match[2]
        if term not in other:  # a letter whose capital is that of another, such as the long s
            return match[0]
        if plural and term + "s" in other:
            return like(match[0], other[term + "s"])
        after = match.string[match.end() :]
        return like(match[1], _pronoun(term, after, other)) + plural

    def swap(text: str, id: str) -> str:
        return pattern.sub(one, text)

    def neutral(text: str, id: str) -> str:
        return _reworded(text, len(pattern.findall(text)), Random(f"{id}\0{text}"))

    return Swap(name, swap, neutral, _digest(pairs))


def _pronoun(term: str, after: str, other: Mapping[str, str]) -> str:
    """English has one form "her" for "him" and "his", and one form "his" for "her" and "hers"."""
    if term == "her" and other[term] in ("him", "his"):
        return "his" if OBJECT.match(after) else "him"
    if term == "his" and other[term] == "her":
        return "her" if re.match(r"\s+\w", after) else "hers"
    return other[term]


def _reworded(text: str, count: int, rng: Random) -> str:
    """As many words replaced by synonyms as terms were swapped; where too few have one, spaces doubled instead."""
    tokens = re.split(r"(\s+)", text)
    able = [i for i, token in enumerate(tokens) if synonyms(token, 1.0, rng, frozenset()) != token]
    chosen = rng.sample(able, min(count, len(able)))
    gaps = [i for i, token in enumerate(tokens) if token == " "]
    for i in chosen:
        tokens[i] = synonyms(tokens[i], 1.0, rng, frozenset())
    for i in rng.sample(gaps, min(count - len(chosen), len(gaps))):
        tokens[i] = "  "
    return "".join(tokens)


# -------------------------------------------------------------------------------------------------------------- names
@cache
def _people() -> dict[str, tuple[str, str]]:
    """Name -> (gender, group)."""
    return {name: (gender, "black" if group == "black" else "other") for name, gender, group, _ in table("names")}


@cache
def _pool(gender: str, group: str) -> tuple[str, ...]:
    """Names of the published experiment by gender and group."""
    return tuple(
        n for n, g, where, _ in table("names") if g == gender and where == ("black" if group == "black" else "white")
    )


def rename(text: str, id: str, across: bool = True) -> str:
    """Each known first name for one of the same gender of the other group (``across``) or of its own.

    Within an example a name is always replaced by the same one, and two names never by one while names last.
    """
    people = _people()
    pattern = re.compile(rf"\b(?:{'|'.join(people)})\b")
    new: dict[str, str] = {}

    def one(match: re.Match[str]) -> str:
        name = match[0]
        if name not in new:
            gender, group = people[name]
            target = group if not across else "black" if group == "other" else "other"
            pool = [n for n in _pool(gender, target) if n != name]
            start = int(hashlib.sha256(f"{id}\0{name}".encode()).hexdigest(), 16) % len(pool)
            ranked = pool[start:] + pool[:start]
            new[name] = next((n for n in ranked if n not in new.values()), ranked[0])
        return new[name]

    return pattern.sub(one, text)


def _digest(pairs: object) -> str:
    return hashlib.sha256(repr(pairs).encode()).hexdigest()[:12]
