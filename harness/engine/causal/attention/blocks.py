"""Which blocks of keys a block of rows of a tree can see, worked out on the host before a pass is started.

Row c is an ancestor of row r exactly if ``c <= r < ends[c]``, so a block of rows a .. b - 1 sees, besides itself, the
earlier rows with ``ends[c] > a``: the ancestors of its first row.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
QUERIES, KEYS = 128, 64
"""Rows of a block of queries and of a block of keys."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Block i of queries visits the blocks of keys ``keys[starts[i] : starts[i + 1]]``, in order."""

    starts: Ints
    keys: Ints


def blocks(ends: NDArray[np.int64], depths: NDArray[np.int64], span: int | None = None) -> Blocks:
    """Blocks of keys with a visible row, for every block of queries. ends, depths [rows].

    ``span``: a row sees no ancestor that is so many tokens above it or more; None: all of them.
    """
    rows = len(ends)
    firsts = np.arange(0, rows, QUERIES)
    columns = -(-rows // KEYS) * KEYS
    above = np.zeros((len(firsts), columns), bool)
    above[:, :rows] = (ends[None, :] > firsts[:, None]) & (np.arange(rows)[None, :] < firsts[:, None] + QUERIES)
    if span is not None:
        # A row of this block is an ancestor of no earlier block's, so the shallowest row decides what is out of reach.
        shallowest = np.minimum.reduceat(depths, firsts)
        above[:, :rows] &= depths[None, :] > shallowest[:, None] - span
    seen = above.reshape(len(firsts), -1, KEYS).any(2)
    counts = np.concatenate(([0], np.cumsum(seen.sum(1))))
    return Blocks(counts.astype(np.int32), np.nonzero(seen)[1].astype(np.int32))
