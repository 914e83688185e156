"""Measures as values: each is a metric together with the function that gives one example's value for it.

    choices      ACC, ACC_NORM, ACC_BYTES, F1, F1_MACRO, MATTHEWS
    text         SQUAD_EM, SQUAD_F1, BLEU, CHRF, CHRF_PP, TER, ROUGE_1, ROUGE_2, ROUGE_L, ROUGE_LSUM
    likelihood   WORD_PERPLEXITY, BYTE_PERPLEXITY, TOKEN_PERPLEXITY, BITS_PER_BYTE
    pair         PAIR_ACC

``bleu``, ``chrf``, ``ter`` and ``rouge`` give the same with other options. A measure of your own is
``Measure(metric, value)``; value returns None where the measure does not apply to an example.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, ParamSpec

from harness.metrics import likelihood, text
from harness.metrics.calibrate import rights
from harness.metrics.classify import confusion_row, f1, f1_labels, f1_row, matthews, proportion
from harness.types import Chosen, Example, Metric, Scored, Value

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Measure(Generic[P]):
    """A metric and the function that gives one example's value for it; None where it does not apply."""

    metric: Metric
    value: Callable[P, Value | None]

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.metric.name

    def named(self, name: str) -> Measure[P]:
        """The same measure under another name."""
        return Measure(replace(self.metric, name=name), self.value)


ChoiceMeasure = Measure[[Example, int, Chosen]]
"""Its value takes the example, the index of the likeliest choice and the response."""
TextMeasure = Measure[[Example, str]]
"""Its value takes the example, whose ``target`` is a tuple of references, and the extracted answer."""
LikelihoodMeasure = Measure[[Example, Scored]]
"""Its value takes the example and the likelihood of its text."""
PairMeasure = Measure[[Example, Scored, Scored]]
"""Its value takes the example and the likelihoods of its first and second text."""


# ------------------------------------------------------------------------------------------------------------- choices
def is_right(example: Example, picked: int, response: Chosen) -> float:
    """1 if the likeliest choice is a right one."""
    return float(picked in rights(example))


def right_by_characters(example: Example, picked: int, response: Chosen) -> float | None:
    """1 if the choice with the highest log-probability per character is a right one (`acc_norm` of the peers)."""
    return _right_per(example, response, [len(choice) for choice in example.fields["choices"]])


def right_by_bytes(example: Example, picked: int, response: Chosen) -> float | None:
    """1 if the choice with the highest log-probability per UTF-8 byte is a right one."""
    return _right_per(example, response, [len(choice.encode()) for choice in example.fields["choices"]])


def _right_per(example: Example, response: Chosen, sizes: Sequence[int]) -> float | None:
    if not response.logprobs:
        return None
    scores = [p / size for p, size in zip(response.logprobs, sizes, strict=True)]
    return float(scores.index(max(scores)) in rights(example))


def confusion(example: Example, picked: int, response: Chosen) -> tuple[float, ...]:
    """The row of a confusion matrix over the example's choices."""
    return confusion_row(example.target, picked, len(example.fields["choices"]))


def second_is_positive(example: Example, picked: int, response: Chosen) -> tuple[float, float, float]:
    """The row of F1 where the second of two choices is the positive one."""
    return f1_row(example.target == 1, picked == 1)


ACC: ChoiceMeasure = Measure(proportion("acc"), is_right)
ACC_NORM: ChoiceMeasure = Measure(proportion("acc_norm"), right_by_characters)
ACC_BYTES: ChoiceMeasure = Measure(proportion("acc_bytes"), right_by_bytes)
F1: ChoiceMeasure = Measure(f1(), second_is_positive)
F1_MACRO: ChoiceMeasure = Measure(f1_labels(), confusion)
MATTHEWS: ChoiceMeasure = Measure(matthews(), confusion)


# ---------------------------------------------------------------------------------------------------------------- text
def against_references(compare: Callable[[str, Sequence[str]], Value]) -> Callable[[Example, str], Value]:
    """The value function that compares an answer with the example's references."""

    def value(example: Example, answer: str) -> Value:
        return compare(answer, example.target)

    return value


def _squad(part: int, answer: str, references: Sequence[str]) -> float:
    return text.squad_values(answer, references)[part]


SQUAD_EM: TextMeasure = Measure(text.squad_em, against_references(partial(_squad, 0)))
SQUAD_F1: TextMeasure = Measure(text.squad_f1, against_references(partial(_squad, 1)))


def bleu(*, tokenize: str = "13a", references: int | str = 1, lowercase: bool = False) -> TextMeasure:
    """Corpus BLEU of sacrebleu (0 to 100); ``references`` is the count in its signature, or "var"."""
    metric = text.bleu(tokenize=tokenize, references=references, lowercase=lowercase)
    return Measure(metric, against_references(partial(text.bleu_row, tokenize=tokenize, lowercase=lowercase)))


def chrf(*, word_order: int = 0, references: int | str = 1) -> TextMeasure:
    """Corpus chrF of sacrebleu (0 to 100); with ``word_order=2`` it is chrF++."""
    metric = text.chrf(word_order=word_order, references=references)
    return Measure(metric, against_references(partial(text.chrf_row, word_order=word_order)))


def ter(*, tokenize: str = "tercom", references: int | str = 1) -> TextMeasure:
    """Corpus translation edit rate of sacrebleu; lower is better."""
    metric = text.ter(tokenize=tokenize, references=references)
    return Measure(metric, against_references(partial(text.ter_row, tokenize=tokenize)))


def rouge(name: str, *, stemmer: bool = True, unicode: bool = False) -> TextMeasure:
    """One of ``text.ROUGES``: the mean F-measure (0 to 1) against each example's best reference."""

    def compare(answer: str, references: Sequence[str]) -> float:
        return text.rouge_values(answer, references, stemmer, unicode=unicode)[name]

    (metric,) = (each for each in text.rouges(stemmer, unicode=unicode) if each.name == name)
    return Measure(metric, against_references(compare))


BLEU, CHRF, CHRF_PP, TER = bleu(), chrf(), chrf(word_order=2), ter()
ROUGE_1, ROUGE_2, ROUGE_L, ROUGE_LSUM = (rouge(name) for name in text.ROUGES)


# ---------------------------------------------------------------------------------------------------------- likelihood
def _per_word(example: Example, scored: Scored) -> tuple[float, float]:
    return likelihood.likelihood_row(scored.logprob, likelihood.words(example.fields["text"]))


def _per_byte(example: Example, scored: Scored) -> tuple[float, float]:
    return likelihood.likelihood_row(scored.logprob, scored.bytes)


def _per_token(example: Example, scored: Scored) -> tuple[float, float]:
    return likelihood.likelihood_row(scored.logprob, scored.tokens)


WORD_PERPLEXITY: LikelihoodMeasure = Measure(likelihood.perplexity("word_perplexity"), _per_word)
BYTE_PERPLEXITY: LikelihoodMeasure = Measure(likelihood.perplexity("byte_perplexity"), _per_byte)
TOKEN_PERPLEXITY: LikelihoodMeasure = Measure(likelihood.perplexity("token_perplexity"), _per_token)
BITS_PER_BYTE: LikelihoodMeasure = Measure(likelihood.bits_per_byte, _per_byte)


def first_is_likelier(example: Example, first: Scored, second: Scored) -> float:
    """1 if the first text of a pair has the higher log-likelihood; a tie is 0."""
    return float(first.logprob > second.logprob)


PAIR_ACC: PairMeasure = Measure(proportion("acc"), first_is_likelier)
