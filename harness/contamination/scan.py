"""The search: runs of words that items of a benchmark share with a corpus, from one index of 5-word sequences.

All word rules follow from the maximal runs of such sequences on one diagonal (same shift between item and corpus): an
n-word sequence was seen if a run is at least n words long. So the corpus is read once, whatever is asked of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from harness.contamination.corpus import Block
from harness.contamination.words import Hashes, grams, letter_grams, plain, word_hashes

N = 5
"""Words of the sequences in the index: the shortest overlap that is found."""
WIDTHS = (8, 10, 13)
"""Lengths of runs whose coverage is kept."""
LETTERS, DRAWS = 50, 3
"""GPT-4's rule: so many letters, at so many places of an item."""
FAINTEST = 0.2
"""Shares of an item that are looked at: fewer sequences lie together by chance."""
SIEVE = 20
"""Bits of a table that most sequences of a corpus fall through."""

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(slots=True)
class GramIndex:
    """The sequences of all items: sorted ``hashes`` with the item and the place in it that each stands for.

    ``starts``: where the words of each item begin in one long row of all words [items + 1].
    """

    hashes: Hashes
    items: Ints
    places: Ints
    starts: Ints
    letters: Hashes
    letter_items: Ints
    sieve: Flags = field(init=False)
    letter_sieve: Flags = field(init=False)

    def __post_init__(self) -> None:
        self.sieve, self.letter_sieve = _sieve(self.hashes), _sieve(self.letters)

    @property
    def lengths(self) -> Ints:
        """Words of every item."""
        return np.diff(self.starts)


def index_of(texts: Sequence[str], seed: int = 0) -> GramIndex:
    """An index of items. ``seed`` chooses the places of GPT-4's rule."""
    plains = [plain(text) for text in texts]
    words = [word_hashes(text) for text in plains]
    per_text = [grams(one, N) for one in words]
    hashes = np.concatenate([*per_text, np.zeros(0, np.uint64)])
    items = np.repeat(np.arange(len(texts)), [len(one) for one in per_text])
    places = np.concatenate([*(np.arange(len(one)) for one in per_text), np.zeros(0, np.int64)])
    order = np.argsort(hashes, kind="stable")
    drawn = [_drawn(letter_grams(text, LETTERS), np.random.default_rng([seed, i])) for i, text in enumerate(plains)]
    letters = np.concatenate([*drawn, np.zeros(0, np.uint64)])
    owners = np.repeat(np.arange(len(texts)), [len(one) for one in drawn])
    sort = np.argsort(letters, kind="stable")
    starts = np.array(list(accumulate((len(one) for one in words), initial=0)))
    return GramIndex(hashes[order], items[order], places[order], starts, letters[sort], owners[sort])


@dataclass(slots=True)
class Coverage:
    """What a corpus has of every item.

    ``longest``: words of the longest run; ``covered``: for each of WIDTHS which words lie in a run that long, the words
    of all items in one row; ``documents``: for every word in how many documents a run of ``n`` words begins there;
    ``nearest``: the largest share of an item's 5-word sequences within one stretch of text of one and a half times its
    length; ``letters``: one of GPT-4's samples was seen.
    """

    longest: Ints
    covered: dict[int, Flags]
    documents: Ints
    nearest: NDArray[np.float64]
    letters: Flags
    size: int = 0

    @classmethod
    def nothing(cls, index: GramIndex) -> "Coverage":
        """Before anything was read."""
        items, words = len(index.starts) - 1, int(index.starts[-1])
        covered = {width: np.zeros(words, bool) for width in WIDTHS}
        return cls(
            np.zeros(items, np.int64), covered, np.zeros(words, np.int64), np.zeros(items), np.zeros(items, bool)
        )

    def add(self, other: "Coverage") -> None:
        """What another part of the corpus has besides; no document lies in both parts."""
        np.maximum(self.longest, other.longest, out=self.longest)
        np.maximum(self.nearest, other.nearest, out=self.nearest)
        for width in WIDTHS:
            self.covered[width] |= other.covered[width]
        self.documents += other.documents
        self.letters |= other.letters
        self.size += other.size


class Scan:
    """Reads the blocks of one file. ``n``: the length of the sequences whose documents are counted."""

    def __init__(self, index: GramIndex, n: int) -> None:
        self.index, self.n = index, n
        self.seen = Coverage.nothing(index)
        self._last = np.full(len(self.seen.documents), -1, np.int64)

    def read(self, block: Block) -> None:
        """Take in a block; blocks of one document come one after the other."""
        self.seen.size += len(block.text)
        words = word_hashes(block.text)
        at, entry = _matches(grams(words, N), self.index.hashes, self.index.sieve)
        if len(at):
            document = self._document(block, words)[at]
            self._runs(self.index.items[entry], self.index.places[entry], at, document)
            self._near(self.index.items[entry], self.index.places[entry], at, document)
        _, hit = _matches(letter_grams(block.text, LETTERS), self.index.letters, self.index.letter_sieve)
        self.seen.letters[self.index.letter_items[hit]] = True

    @staticmethod
    def _document(block: Block, words: Hashes) -> Ints:
        """The number of the document that each word is of."""
        breaks = np.cumsum(words == word_hashes(b"\x00")[0])
        numbers = np.array(block.documents, np.int64)
        of_words: Ints = numbers[np.minimum(breaks, len(numbers) - 1)]
        return of_words

    def _runs(self, items: Ints, places: Ints, at: Ints, documents: Ints) -> None:
        order = np.lexsort((at, at - places, items))
        items, places, at, documents = items[order], places[order], at[order], documents[order]
        joined = (np.diff(items) == 0) & (np.diff(at - places) == 0) & (np.diff(at) == 1)
        first = np.flatnonzero(np.concatenate([[True], ~joined]))
        sizes = np.diff(np.append(first, len(items))) + N - 1
        np.maximum.at(self.seen.longest, items[first], sizes)
        starts = self.index.starts[items[first]] + places[first]
        for width in WIDTHS:
            long = sizes >= width
            self.seen.covered[width][_ranges(starts[long], sizes[long])] = True
        long = sizes >= self.n
        self._count(starts[long], sizes[long] - self.n + 1, documents[first[long]])

    def _count(self, starts: Ints, counts: Ints, documents: Ints) -> None:
        """Count every document once for a sequence that begins at a word."""
        words, documents = _ranges(starts, counts), np.repeat(documents, counts)
        pairs = np.unique(np.stack([words, documents]), axis=1)
        fresh = pairs[1] != self._last[pairs[0]]
        np.add.at(self.seen.documents, pairs[0][fresh], 1)
        self._last[pairs[0]] = pairs[1]

    def _near(self, items: Ints, places: Ints, at: Ints, documents: Ints) -> None:
        """Different sequences of an item within a stretch of the corpus, as a share of all that the item has."""
        order = np.lexsort((at, documents, items))
        items, places, at, documents = items[order], places[order], at[order], documents[order]
        lengths = self.index.lengths[items]
        # Places that lie close together in one document of one item: one number that grows along the row.
        far = np.int64(at.max()) + 2 * np.int64(lengths.max()) + 2
        groups = np.cumsum(np.concatenate([[0], (np.diff(items) != 0) | (np.diff(documents) != 0)]))
        line = groups * far + at
        ends = np.searchsorted(line, line + lengths * 3 // 2 + 1)
        most = (ends - np.arange(len(line))) / (lengths - N + 1)
        likely = np.flatnonzero(most >= np.maximum(FAINTEST, self.seen.nearest[items]))
        for i in likely[np.argsort(-most[likely], kind="stable")]:
            if most[i] > self.seen.nearest[items[i]]:
                possible = self.index.lengths[items[i]] - N + 1
                share = len(np.unique(places[i : ends[i]])) / possible
                self.seen.nearest[items[i]] = max(self.seen.nearest[items[i]], share)


def _matches(hashes: Hashes, known: Hashes, sieve: Flags) -> tuple[Ints, Ints]:
    """(place among ``hashes``, place among the sorted ``known``) of every pair that is equal."""
    passed = np.flatnonzero(sieve[hashes >> np.uint64(64 - SIEVE)])
    low, high = (np.searchsorted(known, hashes[passed], side) for side in ("left", "right"))
    return np.repeat(passed, high - low), _ranges(low, high - low)


def _ranges(starts: Ints, sizes: Ints) -> Ints:
    """start, start + 1, ... (``size`` of them) for every pair, in one row."""
    ends = np.cumsum(sizes)
    return np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(starts - ends + sizes, sizes)


def _sieve(hashes: Hashes) -> Flags:
    table = np.zeros(1 << SIEVE, bool)
    table[hashes >> np.uint64(64 - SIEVE)] = True
    return table


def _drawn(hashes: Hashes, generator: np.random.Generator) -> Hashes:
    if len(hashes) <= DRAWS:
        return hashes
    return hashes[generator.choice(len(hashes), DRAWS, replace=False)]
