"""From the log-probabilities of tokens to the answer of a question: one way for all models that score texts.

The definition in ``causal/reference.py`` adds up its own, so that a fault here shows in the comparison with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.types import Choose, Chosen, Failed, Likelihood, PseudoLikelihood, Question, Response, Scored


@dataclass(frozen=True, slots=True)
class Score:
    """log P (natural) of every scored token of one text, and whether each was the likeliest."""

    logprobs: tuple[float, ...]
    greedy: bool


def respond(question: Question, scores: Sequence[Score]) -> Response:
    """The answer that ``scores`` add up to: one score for every choice, or for every window of one text.

    A text without a single scored token is Failed, since log P of nothing is 0, which any choice would lose to.
    """
    for number, score in enumerate(scores):
        if not score.logprobs:
            name = f"text {number} of {question.task} {question.example}"
            return Failed("empty", f"{name} has no tokens to score")
    request = question.request
    if isinstance(request, Choose):
        return choose(scores)
    assert isinstance(request, Likelihood | PseudoLikelihood)
    logprobs = tuple(logprob for score in scores for logprob in score.logprobs)
    greedy = all(score.greedy for score in scores)
    return Scored(sum(logprobs), len(logprobs), len(request.text.encode()), greedy, logprobs)


def choose(scores: Sequence[Score]) -> Chosen:
    """The choice with the largest sum, the first of equals."""
    sums = tuple(sum(score.logprobs) for score in scores)
    return Chosen(sums.index(max(sums)), sums, tuple(len(score.logprobs) for score in scores))
