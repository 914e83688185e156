"""The edit distance inside TER, with the values of sacrebleu's and a row at a time: most of a translation's judging."""

import math
from collections.abc import Sequence
from typing import Any

from sacrebleu.metrics import lib_ter
from sacrebleu.metrics.ter import TER

Row = tuple[list[int], list[str]]
"""Edit costs and last operations of one row of the matrix [reference words + 1]."""


class RowDistance(lib_ter.BeamEditDistance):
    """sacrebleu's beam edit distance; its cache keeps rows, so that a shifted hypothesis reuses its beginning."""

    def __init__(self, words_ref: list[str]) -> None:
        super().__init__(words_ref)
        columns = len(words_ref) + 1
        self._initial_row: Any = (list(range(columns)), ["i"] * columns)
        self._empty_row: Any = ([lib_ter._INT_INFINITY] * columns, ["x"] * columns)

    def _add_cache(self, words_hyp: list[str], mat: list[Any]) -> None:
        """The same trie of words; a row is kept as it is, since nobody changes it again."""
        if self._cache_size >= lib_ter._MAX_CACHE_SIZE:
            return
        node: Any = self._cache
        skipped = len(words_hyp) - len(mat)
        for word in words_hyp[:skipped]:
            node = node[word][0]
        for word, row in zip(words_hyp[skipped:], mat, strict=True):
            if word not in node:
                node[word] = ({}, row)
                self._cache_size += 1
            node = node[word][0]

    def _edit_distance(self, words_h: list[str], start_h: int, cache: list[Any]) -> tuple[int, list[Any], str]:
        """Distance, the new rows and the trace of operations, for the rows after the ``start_h`` cached ones."""
        ref, columns, count = self._words_ref, self._n_words_ref + 1, len(words_h)
        ratio = self._n_words_ref / count if count else 1.0
        beam = math.ceil(ratio / 2 + lib_ter._BEAM_WIDTH) if ratio / 2 > lib_ter._BEAM_WIDTH else lib_ter._BEAM_WIDTH
        matrix: list[Row] = list(cache)
        for i in range(start_h + 1, count + 1):
            diagonal = math.floor(i * ratio)
            first = max(0, diagonal - beam)
            last = columns if i == count else min(columns, diagonal + beam)
            matrix.append(self._next_row(matrix[-1][0], words_h[i - 1], ref, first, last))
        return matrix[-1][0][-1], matrix[len(cache) :], trace(matrix)

    def _next_row(self, above: Sequence[int], word: str, ref: Sequence[str], first: int, last: int) -> Row:
        """The row of ``word`` in columns ``first`` to ``last``; prefers no-op or substitution, deletion, insertion."""
        costs, ops = list(self._empty_row[0]), list(self._empty_row[1])
        left = lib_ter._INT_INFINITY
        if first == 0:
            left = costs[0] = above[0] + 1
            ops[0] = "d"
        for j in range(max(1, first), last):
            cost, op = (above[j - 1], " ") if word == ref[j - 1] else (above[j - 1] + 1, "s")
            if above[j] + 1 < cost:
                cost, op = above[j] + 1, "d"
            if left + 1 < cost:
                cost, op = left + 1, "i"
            if cost < lib_ter._INT_INFINITY:
                costs[j], ops[j] = cost, op
            left = costs[j]
        return costs, ops


def trace(matrix: Sequence[Row]) -> str:
    """The operations that lead to the last cell, first to last."""
    i, j = len(matrix) - 1, len(matrix[0][0]) - 1
    found = []
    while i > 0 or j > 0:
        op = matrix[i][1][j]
        found.append(op)
        if op == "x":
            raise ValueError(f"the beam leaves no way to cell {i}, {j}")
        i, j = i - (op != "i"), j - (op != "d")
    return "".join(reversed(found))


def edit_rate(hypothesis: list[str], reference: list[str]) -> tuple[int, int]:
    """Edits of TER and reference words: shifts while they help, then the distance (lib_ter.translation_edit_rate)."""
    if not reference:
        return len(hypothesis), 0
    distance, words = RowDistance(reference), hypothesis
    shifts = tried = 0
    while True:
        gain, shifted, tried = lib_ter._shift(words, reference, distance, tried)
        if tried >= lib_ter._MAX_SHIFT_CANDIDATES or gain <= 0:
            break
        shifts, words = shifts + 1, shifted
    return shifts + distance(words)[0], len(reference)


class FastTER(TER):
    """sacrebleu's TER over ``edit_rate``."""

    def _compute_segment_statistics(self, hypothesis: str, ref_kwargs: dict[str, Any]) -> list[float]:
        rates = [edit_rate(hypothesis.split(), words) for words in ref_kwargs["ref_words"]]
        return [min(edits for edits, _ in rates), sum(length for _, length in rates) / len(rates)]
