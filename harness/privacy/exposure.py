"""How much likelier a model finds a planted secret than secrets it never saw (Carlini et al. 2019)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.engine.backend import Backend
from harness.engine.likelihoods import likelihoods
from harness.errors import DataError


@dataclass(frozen=True, slots=True)
class Exposure:
    """log2 of the number of references less log2 of a canary's rank among them; ``most`` is its cap.

    Chance gives 1 / ln 2 = 1.44 on average. At the cap no reference is as likely: more could only be told from more.
    """

    bits: float
    rank: int
    references: int

    @property
    def most(self) -> float:
        """The largest exposure that so many references can show."""
        return math.log2(self.references)

    @property
    def capped(self) -> bool:
        """Whether the canary stands before every reference."""
        return self.rank == 1


def exposure(perplexity: float, references: Sequence[float]) -> Exposure:
    """The exposure of one canary from perplexities (or their logarithms) of itself and of ``references``.

    Rank: 1 + the references that are not above it; a tie keeps the reference first. Raises DataError for no reference.
    """
    if not len(references):
        raise DataError("an exposure needs at least one reference")
    rank = 1 + int((np.asarray(references) <= perplexity).sum())
    return Exposure(math.log2(len(references)) - math.log2(rank), rank, len(references))


def exposures(backend: Backend, template: str, canaries: Sequence[str], references: Sequence[str]) -> list[Exposure]:
    """The exposures of secrets that stand for ``{}`` in a template that all of them share.

    ``references`` are secrets of the same form that the model was not trained on; canaries among them are left out.
    Raises DataError for a template without ``{}`` or with several.
    """
    if template.count("{}") != 1:
        raise DataError(f"template {template!r} must hold {{}} once: there the secret stands")
    others = [one for one in dict.fromkeys(references) if one not in set(canaries)]
    before, after = template.split("{}")
    texts = [f"{secret}{after}" for secret in (*canaries, *others)]
    # A context takes no white space at its end: that belongs to the token of the secret.
    head = before.rstrip()
    scored = likelihoods(backend, [f"{before[len(head) :]}{text}" for text in texts], [head] * len(texts))
    costs = [-one.logprob for one in scored]
    return [exposure(cost, costs[len(canaries) :]) for cost in costs[: len(canaries)]]
