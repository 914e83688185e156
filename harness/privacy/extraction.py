"""Texts that a model goes on with word for word: discoverable extraction, and the longest verbatim runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from harness.engine.backend import Backend
from harness.engine.likelihoods import likelihoods
from harness.metrics.intervals import Ends, quantile, wilson

PRINTED = 50
"""Words of a verbatim run that is counted: a paragraph, not a phrase."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text of the training data, cut in two. ``count``: how often it stood there, if that is known."""

    prefix: str
    suffix: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Extracted:
    """Whether greedy decoding of the prefix gives the suffix, and the suffix's log-probability at temperature 1."""

    passage: Passage
    greedy: bool
    logprob: float
    tokens: int

    def draws(self, chance: float = 0.5) -> float:
        """How many answers drawn at temperature 1 hold the suffix at least once with this ``chance``; may be infinite.

        (n, p)-discoverable extraction of Hayes et al. (2024): ln(1 - p) / ln(1 - P(suffix)).
        """
        probability = math.exp(self.logprob)
        if probability >= 1:
            return 1.0
        each = math.log1p(-probability)
        return max(1.0, math.log1p(-chance) / each) if each else math.inf


@dataclass(frozen=True, slots=True)
class ExtractionRate:
    """Extracted passages of ``n``, with Wilson's interval; of none, up to about 3.8 / n may still be."""

    extracted: int
    n: int

    @property
    def interval(self) -> Ends:
        """The 95 % interval of the share."""
        return wilson(self.extracted / self.n, self.n, quantile(0.975))


def extract(backend: Backend, passages: Sequence[Passage]) -> list[Extracted]:
    """Every passage in one pass: a suffix is greedy if each of its tokens is the likeliest (Carlini et al. 2022).

    Nothing is generated. Raises as ``likelihoods``.
    """
    heads = [passage.prefix.rstrip() for passage in passages]
    tails = [p.prefix[len(head) :] + p.suffix for p, head in zip(passages, heads, strict=True)]
    scored = likelihoods(backend, tails, heads)
    return [
        Extracted(passage, one.greedy, one.logprob, one.tokens) for passage, one in zip(passages, scored, strict=True)
    ]


def rates(passages: Sequence[Extracted]) -> Mapping[int | None, ExtractionRate]:
    """The rate of every duplication count, rarest first, and of all under None."""
    counts = sorted({one.passage.count for one in passages if one.passage.count is not None})
    groups = {count: [one for one in passages if one.passage.count == count] for count in counts}
    return {
        count: ExtractionRate(sum(one.greedy for one in group), len(group))
        for count, group in [*groups.items(), (None, list(passages))]
        if group
    }


def verbatim(answer: str, source: str) -> int:
    """Words of the longest run that an answer and a source share, letter for letter."""
    one, two = answer.split(), source.split()
    return SequenceMatcher(None, one, two, autojunk=False).find_longest_match().size


def printed(answers: Sequence[str], sources: Sequence[str], words: int = PRINTED) -> ExtractionRate:
    """Answers that hold a verbatim run of so many words of their source: a count, not a mean."""
    copied = [verbatim(answer, source) >= words for answer, source in zip(answers, sources, strict=True)]
    return ExtractionRate(sum(copied), len(copied))


Guess = tuple[int, Sequence[int]]
"""Number of an example, and its suffix as tokens."""


def recall_at_errors(guesses: Sequence[Guess], truths: Sequence[Sequence[int]], errors: int) -> float:
    """Share of suffixes that were guessed before the wrong guess number ``errors``; the surest of ``guesses`` first.

    The rule of the extraction challenge of 2022.
    """
    right, wrong = set(), 0
    for example, suffix in guesses:
        if list(suffix) == list(truths[example]):
            right.add(example)
            continue
        wrong += 1
        if wrong >= errors:
            break
    return len(right) / len(truths)
