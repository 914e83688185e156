"""The texts of RULER's kinds: what is hidden in them, what is around it, and how they are made to a length."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice, pairwise

from harness.errors import DataError

WHO = "baker sailor teacher farmer doctor painter singer miner tailor guard nurse clerk monk pilot weaver potter"
DID = "found sold washed painted carried lost hid mended counted borrowed cleaned moved watched kept drew broke"
WHAT = "lamp rope basket mirror boat chair kettle drum coat ladder bottle wheel carpet clock sack bell"
KINDS_OF = "amber brave calm dusty eager fancy gentle humble idle jolly keen lively mild noble odd plain"
ANIMALS = "otter falcon badger heron lynx marten newt osprey puffin quail raven stoat toad urchin vole walrus"
ONSETS, VOWELS = "bdfgklmnprstvz", "aeiou"


@dataclass(frozen=True, slots=True)
class Scene:
    """What one text is made of: ``hidden`` sentences, ``noise`` around them, a ``question`` and its ``answers``."""

    hidden: tuple[str, ...]
    noise: tuple[str, ...]
    question: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LongText:
    """How a kind of text is made: a scene, and from it a text of any size. ``deep``: one sentence lies at a depth."""

    measures: str
    scene: Callable[[random.Random, int], Scene]
    text: Callable[[Scene, int, int | None], str]
    max_tokens: int
    deep: bool = False


def fitted(text: Callable[[int], str], count: Callable[[str], int], length: int) -> str:
    """The largest text of at most ``length`` tokens. Raises DataError where even the smallest is longer, and where the
    text stops growing before.
    """
    empty = count(text(0))
    if empty > length:
        raise DataError(f"a text of {length} tokens is too short: what is asked alone has {empty}")
    size, slope = 0, max(1e-9, (count(text(64)) - empty) / 64)
    for _ in range(12):
        step = int((length - count(text(size))) / slope)
        if step == 0:
            break
        size = max(0, size + step)
    while count(text(size)) > length:
        size -= 1
    while count(text(size + 1)) <= length:
        if text(size + 1) == text(size):
            raise DataError(f"a text of {length} tokens cannot be made: all its words together are fewer")
        size += 1
    return text(size)


def noise(draw: random.Random) -> tuple[str, ...]:
    """Short sentences about people and things, repeated in a new order where a text is long."""
    known = [f"The {who} {did} a {what}." for who in WHO.split() for did in DID.split() for what in WHAT.split()]
    draw.shuffle(known)
    return tuple(known)


# ------------------------------------------------------------------------------------------------------------- needles
def _needles(others: int) -> Callable[[random.Random, int], Scene]:
    def scene(draw: random.Random, length: int) -> Scene:
        keys = draw.sample([f"{kind} {animal}" for kind in KINDS_OF.split() for animal in ANIMALS.split()], 1 + others)
        values = draw.sample(range(1_000_000, 10_000_000), 1 + others)
        hidden = [f"The special number of the {key} is {value}." for key, value in zip(keys, values, strict=True)]
        question = f"What is the special number of the {keys[0]} that the text tells?"
        start = f"The special number of the {keys[0]} that the text tells is"
        return Scene(tuple(hidden), noise(draw), f"Question: {question}\nAnswer: {start}", (str(values[0]),))

    return scene


def _haystack(scene: Scene, size: int, depth: int | None) -> str:
    """The first hidden sentence at its depth, the others evenly over the text."""
    lines = list(islice(cycle(scene.noise), size))
    others = scene.hidden[1:]
    places = [(size * (n + 1) // (len(others) + 1), one) for n, one in enumerate(others)]
    places.append((size * (depth or 0) // 100, scene.hidden[0]))
    for place, sentence in sorted(places, reverse=True):
        lines.insert(place, sentence)
    story = " ".join(lines)
    return f"A special number is hidden in the following text. Remember it.\n\n{story}\n\n{scene.question}"


# ----------------------------------------------------------------------------------------------------------- variables
HOPS = 4


def _chain(draw: random.Random, length: int) -> Scene:
    names: list[str] = []
    while len(names) < 2 * (HOPS + 1):
        name = "".join(draw.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=5))
        names += [] if name in names else [name]
    value, other = draw.sample(range(10_000, 100_000), 2)
    chains = []
    for own, start in ((names[: HOPS + 1], value), (names[HOPS + 1 :], other)):
        chains.append([f"VAR {own[0]} = {start}.", *(f"VAR {b} = VAR {a}." for a, b in pairwise(own))])
    question = f"Question: Find all variables that have the value {value} in the text above.\nAnswer: The variables are"
    woven = tuple(sentence for pair in zip(*chains, strict=True) for sentence in pair)
    return Scene(woven, noise(draw), question, tuple(names[: HOPS + 1]))


def _woven(scene: Scene, size: int, depth: int | None) -> str:
    """The assignments in their order, evenly over the text."""
    lines = list(islice(cycle(scene.noise), size))
    for n, sentence in reversed([*enumerate(scene.hidden)]):
        lines.insert(size * (n + 1) // (len(scene.hidden) + 1), sentence)
    return f"Track the variables that are assigned in the following text.\n\n{' '.join(lines)}\n\n{scene.question}"


# -------------------------------------------------------------------------------------------------------- common words
FREQUENT = 10
ENOUGH_FOR = 131_072
"""Tokens that all words together, three times each, are enough for: a word with its number has three at the least."""


def _words(draw: random.Random, length: int) -> Scene:
    """Ten words that are common, and all others, which are not; longer texts repeat them oftener."""
    made = [a + b + c + d + e for a in ONSETS for b in VOWELS for c in ONSETS for d in VOWELS for e in ("n", "r", "s")]
    chosen = draw.sample(made, len(made))
    often, seldom = (30, 3) if length >= 4096 else (6, 1) if length >= 1024 else (3, 1)
    times = -(-length // ENOUGH_FOR)
    common, rare = chosen[:FREQUENT], chosen[FREQUENT:]
    question = "Question: What are the 10 most common words in the list?\nAnswer: The 10 most common words are"
    others = tuple(word for word in rare for _ in range(seldom * times))
    return Scene(tuple(common * (often * times)), others, question, tuple(common))


def _listed(scene: Scene, size: int, depth: int | None) -> str:
    """A numbered list in an order that depends on its words alone."""
    size = min(size, len(scene.noise))
    words = [*scene.hidden, *scene.noise[:size]]
    random.Random(f"{size} {words[0]}").shuffle(words)
    listed = " ".join(f"{n}. {word}" for n, word in enumerate(words, 1))
    return f"Some words of this list are more common than others. Remember those.\n\n{listed}\n\n{scene.question}"


NEEDLE = LongText("Finding one sentence among many", _needles(0), _haystack, 32, deep=True)
NEEDLES = LongText("Finding one sentence among many, eight of which are alike", _needles(7), _haystack, 32, deep=True)
VARIABLES = LongText("Following a chain of assignments beside another chain", _chain, _woven, 48)
COMMON_WORDS = LongText("Telling the ten most common words of a list", _words, _listed, 96)
