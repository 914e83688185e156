"""Many texts as a tree of pieces, parted at seams: what texts begin with alike is there, and tokenised, once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.engine.seams import seam
from harness.engine.special import Tokens

WORTH = 64
"""Characters that a piece of its own must have: tokenising fewer again costs less than a piece more."""


@dataclass(slots=True, eq=False)
class _Piece:
    """The characters ``start``..``end`` of a text, behind all that ``before`` is and stands behind.

    ``number``: which of the distinct pieces it is; -1 as long as they are not numbered.
    """

    text: str
    start: int
    end: int
    before: "_Piece | None" = None
    number: int = -1


class Pieces:
    """Distinct texts, each a row of pieces that others may have too. ``distinct``: every piece once."""

    distinct: list[str]

    def __init__(self, texts: Sequence[str]) -> None:
        self._last: dict[str, _Piece] = {}
        path: list[_Piece] = []  # of the text before
        for text in sorted(texts):
            path = _branch(path, seam(text, alike(path[-1].text, text))) if path else []
            path.append(_Piece(text, path[-1].end if path else 0, len(text), path[-1] if path else None))
            self._last[text] = path[-1]
        numbers: dict[str, int] = {}
        for last in self._last.values():
            piece: _Piece | None = last
            while piece is not None and piece.number < 0:
                piece.number = numbers.setdefault(piece.text[piece.start : piece.end], len(numbers))
                piece = piece.before
        self.distinct = list(numbers)

    def tokens(self, text: str, known: Sequence[Tokens]) -> Tokens:
        """The tokens of a text; ``known``: those of the distinct pieces, in their order."""
        parts: list[Tokens] = []
        piece: _Piece | None = self._last[text]
        while piece is not None:
            parts.append(known[piece.number])
            piece = piece.before
        return np.concatenate(parts[::-1]) if len(parts) > 1 else parts[0]


def _branch(path: list[_Piece], at: int) -> list[_Piece]:
    """What of a path a text has in common that leaves it at a seam; a piece is parted there where that is worth it."""
    kept = [piece for piece in path if piece.end <= at]
    if len(kept) < len(path):
        after = path[len(kept)]
        if at - after.start >= WORTH:
            after.before = _Piece(after.text, after.start, at, after.before)
            after.start = at
            kept.append(after.before)
    return kept


def alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:  # alike up to ``low``, not up to ``high``
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low
