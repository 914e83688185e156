"""Texts as numbers: words are told apart by 64-bit hashes, many megabytes at a time, without a Python object a word."""

import re

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

BREAK = b" \x00 "
"""Between documents: a word that no text has, so that nothing matches across the border."""
_PUNCTUATION = re.compile(b"\xc2[\x80-\xbf]|\xe2\x80[\x80-\xbf]|\xe2\x81[\x80-\xaf]|\xe3\x80[\x80-\xbf]")
_LETTERS = bytes(i if i >= 0x80 or chr(i).isalnum() or i == 0 else 0x20 for i in range(256))
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))
_BYTES = np.random.default_rng(20).integers(0, 1 << 64, 256, dtype=np.uint64)
_powers: dict[np.uint64, Hashes] = {}


def plain(text: str) -> bytes:
    """Lower case in UTF-8, every punctuation mark (ASCII's, Latin-1's and the general ones) a space; no NUL."""
    lowered = text.replace("\x00", " ").lower().encode("utf-8", "replace")
    return (lowered if lowered.isascii() else _PUNCTUATION.sub(b" ", lowered)).translate(_LETTERS)


def powers(base: np.uint64, count: int) -> Hashes:
    """base^0 .. base^(count - 1) modulo 2^64, kept for the next time."""
    known = _powers.get(base)
    if known is None or len(known) < count:
        factors = np.full(max(count, 1 << 16), base)
        factors[0] = 1
        known = _powers[base] = np.cumprod(factors, dtype=np.uint64)
    return known[:count]


def sums_of(values: Hashes) -> Hashes:
    """Sums of values[i] * FACTOR^i up to every place [values + 1], modulo 2^64.

    A run's hash is the difference of two of them, brought to a common place by a power of the inverse, and mixed.
    """
    sums = np.zeros(len(values) + 1, np.uint64)
    np.cumsum(values * powers(_FACTOR, len(values)), out=sums[1:])
    return sums


def word_hashes(text: bytes) -> Hashes:
    """The hash of every word of a ``plain`` text [words]."""
    codes = np.frombuffer(text, np.uint8)
    letters = np.zeros(len(codes) + 2, np.int8)
    letters[1:-1] = codes != 0x20
    edges = np.flatnonzero(np.diff(letters))
    starts, sums = edges[::2], sums_of(_BYTES[codes])
    return _mixed((sums[edges[1::2]] - sums[starts]) * powers(_INVERSE, len(codes) + 1)[starts])


def grams(words: Hashes, n: int) -> Hashes:
    """The hash of every run of ``n`` words [words - n + 1]; empty where there are fewer."""
    count = len(words) - n + 1
    if count <= 0:
        return np.zeros(0, np.uint64)
    sums = sums_of(words)
    return _mixed((sums[n:] - sums[:-n]) * powers(_INVERSE, count))


def letter_grams(text: bytes, n: int) -> Hashes:
    """The hash of every run of ``n`` bytes of a ``plain`` text without its spaces; breaks between documents stay."""
    codes = np.frombuffer(text.replace(b" ", b""), np.uint8)
    return grams(_BYTES[codes], n)


def _mixed(values: Hashes) -> Hashes:
    """Every bit of the result depends on every bit of the value, which is overwritten (MurmurHash 3's finaliser)."""
    for factor in (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)):
        values ^= values >> np.uint64(33)
        values *= factor
    values ^= values >> np.uint64(33)
    return values
