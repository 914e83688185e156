"""The exchangeability test: how often it errs, and what it finds."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.contamination.order import exchangeability, logs_of
from harness.errors import DataError, Unsupported
from harness.types import Generate, ModelInfo

TEXTS = [f"t{i}" for i in range(100)]


def reader(generator: np.random.Generator, knows: float = 0.0):  # type: ignore[no-untyped-def]
    """Likelihoods that vary with the order, and rise with every neighbour that stands as published."""

    def logs(joined: object) -> list[float]:
        found = []
        for text in joined:  # type: ignore[attr-defined]
            numbers = [int(part[1:]) for part in text.split("\n\n")]
            kept = sum(b - a == 1 for a, b in pairwise(numbers))
            found.append(generator.normal() + knows * kept)
        return found

    return logs


def test_a_model_that_knows_nothing_is_accused_as_often_as_the_level_says() -> None:
    generator = np.random.default_rng(0)
    p = [exchangeability(TEXTS, reader(generator), shards=10, shuffles=5, seed=i).p for i in range(1_000)]
    assert 0.035 < np.mean(np.array(p) < 0.05) < 0.065


def test_a_model_that_knows_the_order_is_found() -> None:
    found = exchangeability(TEXTS, reader(np.random.default_rng(1), 0.5))
    assert found.p < 0.001 and found.gain > 0 and (found.shards, found.shuffles) == (20, 20)
    assert "a sign that it was seen in this order" in found.words
    assert "no sign" in exchangeability(TEXTS, reader(np.random.default_rng(2), -0.5)).words  # one-sided


def test_the_statistic_is_students_t() -> None:
    from scipy.stats import ttest_1samp

    logs = np.random.default_rng(3).normal(size=(5, 4))
    found = exchangeability(TEXTS, lambda joined: logs.ravel().tolist(), shards=5, shuffles=3)
    true = ttest_1samp(logs[:, 0] - logs[:, 1:].mean(axis=1), 0, alternative="greater")
    assert (found.t, found.p) == pytest.approx((true.statistic, true.pvalue))


@pytest.mark.parametrize(("shards", "shuffles"), [(1, 5), (60, 5), (5, 0)])
def test_too_little_to_shuffle(shards: int, shuffles: int) -> None:
    with pytest.raises(DataError, match="valid: 2 texts a shard"):
        exchangeability(TEXTS, reader(np.random.default_rng(0)), shards=shards, shuffles=shuffles)


def test_a_model_that_reads_no_order_cannot_be_tested() -> None:
    with pytest.raises(DataError, match="does not read across texts"):
        exchangeability(TEXTS, lambda joined: [0.0] * len(joined))


def test_a_model_without_likelihoods_is_refused_in_words() -> None:
    writer: Any = SimpleNamespace(info=ModelInfo("writer", {}, frozenset({Generate})))
    with pytest.raises(Unsupported, match="writer gives no likelihoods"):
        exchangeability(TEXTS, logs_of(writer))
