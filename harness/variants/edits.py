"""Small changes of a text that leave its meaning: what a model should answer is the same before and after.

An edit takes a text, its strength (the share of places that are changed), a seeded generator and the words that must
stay (those of the answers), and returns the text. The word lists beside this file were written for this project.
"""

import csv
import re
from collections.abc import Callable, Mapping, Set
from functools import cache
from importlib.resources import files
from random import Random

Edit = Callable[[str, float, Random, Set[str]], str]

WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")
QWERTY = (
    "q:wa w:qes e:wrd r:etf t:ryg y:tuh u:yij i:uok o:ipl p:ol a:qsz s:adw d:sfe "
    "f:dgr g:fht h:gjy j:hku k:jli l:kop z:xa x:zc c:xv v:cb b:vn n:bm m:nk"
)
NEIGHBOURS: Mapping[str, str] = dict(pair.split(":") for pair in QWERTY.split())
"""Keys beside each letter on a QWERTY keyboard."""


@cache
def table(name: str) -> tuple[tuple[str, ...], ...]:
    """The rows of a word list of this package, without its header."""
    with (files("harness.variants") / "data" / f"{name}.csv").open(encoding="utf-8") as file:
        return tuple(tuple(row) for row in csv.reader(file))[1:]


def like(model: str, text: str) -> str:
    """``text`` in the capitals of ``model``: all, the first letter, or none."""
    if len(model) > 1 and model.isupper():
        return text.upper()
    return text[:1].upper() + text[1:] if model[:1].isupper() else text


def _each_word(text: str, strength: float, rng: Random, keep: Set[str], change: Callable[[str], str]) -> str:
    """Every word that may change does so with probability ``strength``."""

    def one(match: re.Match[str]) -> str:
        word = match[0]
        return change(word) if rng.random() < strength and word.lower() not in keep else word

    return WORD.sub(one, text)


def typos(text: str, strength: float, rng: Random, keep: Set[str]) -> str:
    """In words of four letters or more: two swapped, one lost, doubled or hit beside; the first letter stays."""

    def mistype(word: str) -> str:
        if len(word) < 4:
            return word
        place = rng.randrange(1, len(word) - 1)
        head, letter, tail = word[:place], word[place], word[place + 1 :]
        beside = NEIGHBOURS.get(letter.lower(), letter)
        wrong = (tail[0] + letter + tail[1:], tail, letter * 2 + tail, rng.choice(beside) + tail)
        return head + rng.choice(wrong)

    return _each_word(text, strength, rng, keep, mistype)


def case(text: str, strength: float, rng: Random, keep: Set[str]) -> str:
    """Words in capitals; those that begin with one in small letters."""
    return _each_word(text, strength, rng, keep, lambda w: w.lower() if w[0].isupper() else w.upper())


def spaces(text: str, strength: float, rng: Random, keep: Set[str]) -> str:
    """One or two more spaces between words."""
    return re.sub(r"(?<=\S) (?=\S)", lambda _: " " * (rng.randint(2, 3) if rng.random() < strength else 1), text)


def _replacing(pairs: Mapping[str, str]) -> Edit:
    longest = sorted(pairs, key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w'’])(?:{'|'.join(map(re.escape, longest))})(?![\w'’])", re.IGNORECASE)

    def edit(text: str, strength: float, rng: Random, keep: Set[str]) -> str:
        def one(match: re.Match[str]) -> str:
            whole = match[0].replace("’", "'")
            kept = rng.random() >= strength or not keep.isdisjoint(WORD.findall(whole.lower()))
            return match[0] if kept else like(whole, pairs[whole.lower()])

        return pattern.sub(one, text)

    return edit


def contractions(text: str, strength: float, rng: Random, keep: Set[str]) -> str:
    """ "do not" to "don't" and back."""
    pairs = {row[0]: row[1] for row in table("contractions")}
    return _replacing(pairs | {short: long for long, short in pairs.items()})(text, strength, rng, keep)


def synonyms(text: str, strength: float, rng: Random, keep: Set[str]) -> str:
    """A word for another of nearly the same meaning and the same inflection."""
    return _replacing({row[0]: row[1] for row in table("synonyms")})(text, strength, rng, keep)


def dialect(text: str, strength: float, rng: Random, keep: Set[str]) -> str:
    """Features that many non-standard varieties of English share: ain't, -in', gonna, y'all."""
    return _replacing({row[0]: row[1] for row in table("dialect")})(text, strength, rng, keep)


EDITS: Mapping[str, Edit] = {
    "typos": typos,
    "case": case,
    "spaces": spaces,
    "contractions": contractions,
    "synonyms": synonyms,
    "dialect": dialect,
}
