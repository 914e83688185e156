"""Perplexity per token, word or byte and bits per byte, from rows (log-probability, count)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.metrics.classify import ratio
from harness.types import Metric

if TYPE_CHECKING:
    from harness.types import Array


def words(text: str) -> int:
    """Parts between runs of white space, as lm-evaluation-harness counts them for WikiText."""
    import re

    return len(re.split(r"\s+", text))


def likelihood_row(logprob: float, count: int) -> tuple[float, float]:
    """One text's row: its log-probability (natural) and what it is divided by (tokens, words or bytes)."""
    return logprob, float(count)


def reduce_perplexity(sums: Array, n: Array) -> Array:
    """exp(-log-probability / count), from the sums of both."""
    with np.errstate(over="ignore"):
        return np.exp(-ratio(sums[..., 0], sums[..., 1], np.nan))


def perplexity(name: str, limits: str = "", signature: str = "") -> Metric:
    """exp(-sum of log-probabilities / sum of counts) over the corpus; lower is better.

    Its interval is that of the mean log-probability, which is at least 0 in size, put through exp: it is at least 1.
    """
    return Metric(
        name=name,
        reduce=reduce_perplexity,
        better="lower",
        interval="log",
        bounds=(1.0, math.inf),
        limits=limits,
        signature=signature,
        kind="perplexity",
    )


def reduce_bits(sums: Array, n: Array) -> Array:
    """Bits per unit: -log2 of the probability / count, from the sums of both."""
    return (0.0 - ratio(sums[..., 0], sums[..., 1], np.nan)) / math.log(2)  # never -0


token_perplexity = perplexity("token_perplexity", "Not comparable between tokenizers.")
word_perplexity = perplexity("word_perplexity")
byte_perplexity = perplexity("byte_perplexity")
bits_per_byte = Metric(name="bits_per_byte", reduce=reduce_bits, better="lower", bounds=(0.0, math.inf), kind="bits")
METRICS = (token_perplexity, word_perplexity, byte_perplexity, bits_per_byte)
