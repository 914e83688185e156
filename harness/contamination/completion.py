"""Does a model go on with a benchmark's text word for word? Its halves, asked one after the other (Golchin 2023)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.engine.backend import Backend
from harness.errors import DataError, Unsupported
from harness.metrics import stats
from harness.metrics.classify import UNIT, mean
from harness.metrics.intervals import Ends, quantile, wilson
from harness.metrics.text import rouge_values
from harness.types import Failed, Generate, Generated, Metric, Question

SHORTEST = 16
"""Words below which a text is not asked: its half is too short to tell."""
MOST = 40
"""Words of the second half that are looked at."""
TOKENS = 4
"""Tokens that a word may take."""
ROUGE = mean("rouge", bounds=UNIT)
CHANGE = mean("rouge_change", bounds=(-1.0, 1.0))


@dataclass(frozen=True, slots=True)
class Halves:
    """A text cut in two between words; of the second half at most MOST words."""

    first: str
    second: str


@dataclass(frozen=True, slots=True)
class RougeMean:
    """A mean of ROUGE-L, or of paired differences, over ``n`` texts with its 95 % interval; None where it has none."""

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Completion:
    """How a model goes on with texts: ``exact`` of ``n`` word for word, and mean ROUGE-L with the published rest.

    ``chance``: that ROUGE-L less the one with another text's rest. ``against``: less a reference model's, where one was
    asked. ``short`` texts were too short to ask, ``failed`` ones got no answer.
    """

    exact: int
    n: int
    rouge: RougeMean
    chance: RougeMean
    against: RougeMean | None
    short: int
    failed: int

    @property
    def interval(self) -> Ends:
        """Of the share of exact ones."""
        return wilson(self.exact / self.n, self.n, quantile(0.975))

    @property
    def words(self) -> str:
        """What it says, and no more than that."""
        if self.against is None:
            return (
                "without a reference model nothing follows: any model is nearer to the end of its own question than to "
                "another's"
            )
        if self.against.low is None or self.against.low <= 0:
            return "completions are not shown to be nearer to the published text than the reference model's"
        return (
            "completions are nearer to the published text than the reference model's: a sign that it was seen, unless "
            "the model is simply the better one"
        )


def halves(text: str) -> Halves | None:
    """A text cut in the middle of its words; None for one of fewer than SHORTEST."""
    words = text.split()
    if len(words) < SHORTEST:
        return None
    middle = len(words) // 2
    return Halves(" ".join(words[:middle]), " ".join(words[middle : middle + MOST]))


def completion(texts: Sequence[str], backend: Backend, reference: Backend | None = None) -> Completion:
    """Ask greedily for the second half of every text, of a reference model too where there is one.

    Raises Unsupported for a model that does not write, DataError for fewer than two texts that can be asked.
    """
    cut = [one for one in map(halves, texts) if one]
    if len(cut) < 2:
        raise DataError(f"{len(cut)} of {len(texts)} texts have {SHORTEST} words or more: at least 2 are needed")
    said = completions(backend, cut)
    others = completions(reference, cut) if reference else said
    kept = [i for i, pair in enumerate(zip(said, others, strict=True)) if None not in pair]
    if len(kept) < 2:
        raise DataError(f"{len(cut) - len(kept)} of {len(cut)} texts got no answer: at least 2 are needed")
    rests = [cut[i].second for i in kept]
    ours = _rouge([str(said[i]) for i in kept], rests)
    chance = _rouge([str(said[i]) for i in kept], [*rests[1:], rests[0]])
    theirs = _rouge([str(others[i]) for i in kept], rests) if reference else None
    return Completion(
        sum(said[i] == rest for i, rest in zip(kept, rests, strict=True)),
        len(kept),
        _mean(ROUGE, ours),
        _mean(CHANGE, ours - chance),
        None if theirs is None else _mean(CHANGE, ours - theirs),
        len(texts) - len(cut),
        len(cut) - len(kept),
    )


def completions(backend: Backend, cut: Sequence[Halves]) -> list[str | None]:
    """What a model writes after each first half, as many words as the second one has; None where it failed."""
    if Generate not in backend.info.answers:
        raise Unsupported(f"{backend.info.name} writes no answers, which this needs; valid: a model that generates")
    questions = [
        Question("completion", str(i), 0, Generate(one.first, TOKENS * len(one.second.split())))
        for i, one in enumerate(cut)
    ]
    answers = dict(pair for batch in backend.answer(questions) for pair in batch)
    return [_words(answers[i], len(one.second.split())) for i, one in enumerate(cut)]


def _words(response: object, count: int) -> str | None:
    if isinstance(response, Generated):
        return " ".join(response.text.split()[:count])
    if isinstance(response, Failed):
        return None
    raise TypeError(f"{type(response).__name__} answers no Generate")


def _rouge(said: Sequence[str], rests: Sequence[str]) -> NDArray[np.float64]:
    pairs = zip(said, rests, strict=True)
    return np.array([rouge_values(one, [rest], stemmer=False, unicode=True)["rougeL"] for one, rest in pairs])


def _mean(metric: Metric, values: NDArray[np.float64]) -> RougeMean:
    low, high = stats.confidence(metric, values, np.arange(len(values))) or (None, None)
    return RougeMean(float(values.mean()), low, high, len(values))
