"""Perplexities against their definition."""

import math

import numpy as np
import pytest

from harness.metrics import likelihood
from harness.metrics.stats import point


def test_perplexity_of_a_uniform_model_is_its_vocabulary() -> None:
    rows = np.array([likelihood.likelihood_row(-count * math.log(50), count) for count in (1, 7, 100)])
    assert point(likelihood.token_perplexity, rows) == pytest.approx(50.0, rel=1e-12)


def test_perplexity_weighs_by_count_not_by_text() -> None:
    rows = np.array([likelihood.likelihood_row(-2.0, 1), likelihood.likelihood_row(-4.0, 5)])
    assert point(likelihood.word_perplexity, rows) == pytest.approx(math.e, rel=1e-12)


def test_bits_per_byte() -> None:
    assert point(likelihood.bits_per_byte, np.array([[-8 * math.log(2), 4.0]])) == pytest.approx(2.0, rel=1e-12)


def test_counts() -> None:
    assert likelihood.words(" a  b\nc ") == 5  # the peer counts the empty ends
