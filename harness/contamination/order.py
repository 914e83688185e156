"""Does a model know a benchmark's published order? The exchangeability test of Oren et al. (2023)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.engine.backend import Backend
from harness.engine.likelihoods import likelihoods
from harness.errors import DataError

Logs = Callable[[Sequence[str]], Sequence[float]]
"""Log-likelihoods (natural) of whole texts."""


@dataclass(frozen=True, slots=True)
class Order:
    """One-sided t test that texts in their published order are likelier than shuffled: mean gain in nats a shard."""

    gain: float
    t: float
    p: float
    shards: int
    shuffles: int
    low: float
    high: float

    @property
    def words(self) -> str:
        """What it says, and no more than that."""
        if self.p >= 0.05:
            return "the published order is not told from shuffled ones: no sign that it was seen"
        return (
            "the published order is likelier than shuffled ones, beyond chance: a sign that it was seen in this order"
        )


def exchangeability(
    texts: Sequence[str], logs: Logs, *, shards: int = 20, shuffles: int = 20, seed: int = 0, between: str = "\n\n"
) -> Order:
    """Likelihood of the texts in their order against shuffled ones, in ``shards`` contiguous parts.

    Valid only where the published order carries no meaning: sets that are sorted or grouped are likelier in their order
    for any model. t has shards - 1 degrees of freedom and the unbiased deviation (the published code divides by m).
    Raises DataError for fewer than two texts a shard, two shards or one shuffle.
    """
    if shards < 2 or shuffles < 1 or len(texts) < 2 * shards:
        raise DataError(
            f"{len(texts)} texts, {shards} shards and {shuffles} shuffles: valid: 2 texts a shard, 2 shards, 1 shuffle"
        )
    generator = np.random.default_rng(seed)
    parts = [[texts[i] for i in part] for part in np.array_split(np.arange(len(texts)), shards)]
    orders = [[np.arange(len(part)), *(generator.permutation(len(part)) for _ in range(shuffles))] for part in parts]
    joined = [between.join(part[i] for i in order) for part, own in zip(parts, orders, strict=True) for order in own]
    logprobs = np.asarray(logs(joined), float).reshape(shards, 1 + shuffles)
    gains = logprobs[:, 0] - logprobs[:, 1:].mean(axis=1)
    return _tested(gains, shuffles)


def _tested(gains: np.ndarray, shuffles: int) -> Order:
    from scipy.special import stdtr, stdtrit

    deviation = float(gains.std(ddof=1))
    if deviation == 0:
        raise DataError("every order is as likely as every other: the model does not read across texts")
    gain, error = float(gains.mean()), deviation / len(gains) ** 0.5
    room = float(stdtrit(len(gains) - 1, 0.975)) * error
    p = float(stdtr(len(gains) - 1, -gain / error))
    return Order(gain, gain / error, p, len(gains), shuffles, gain - room, gain + room)


def logs_of(backend: Backend) -> Logs:
    """A model's log-likelihoods, which raise as ``harness.engine.likelihoods``."""
    return lambda texts: [scored.logprob for scored in likelihoods(backend, texts)]
