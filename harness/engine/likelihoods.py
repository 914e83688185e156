"""Texts put to a model outside of a task: their likelihoods, in order."""

from collections.abc import Sequence

from harness.engine.backend import Backend
from harness.errors import DataError, Unsupported
from harness.types import Failed, Likelihood, Question, Scored


def likelihoods(backend: Backend, texts: Sequence[str], contexts: Sequence[str] | None = None) -> list[Scored]:
    """log P of every text after its context, which is empty where there are none.

    Raises Unsupported for a model that gives no likelihoods, DataError for a text that has none.
    """
    if Likelihood not in backend.info.answers:
        raise Unsupported(f"{backend.info.name} gives no likelihoods, which this needs; valid: a local language model")
    before = contexts if contexts is not None else [""] * len(texts)
    questions = [
        Question("texts", str(i), 0, Likelihood(text, context))
        for i, (text, context) in enumerate(zip(texts, before, strict=True))
    ]
    answers = dict(pair for batch in backend.answer(questions) for pair in batch)
    return [_scored(answers[i], i) for i in range(len(texts))]


def _scored(response: object, number: int) -> Scored:
    if isinstance(response, Scored):
        return response
    reason = response.message if isinstance(response, Failed) else type(response).__name__
    raise DataError(f"text {number + 1} has no likelihood: {reason}")
