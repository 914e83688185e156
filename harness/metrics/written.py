"""Measures of written answers that a task file may name, their options, and what each of them cannot see."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from harness.errors import UnknownName, UsageError
from harness.metrics import measures, text
from harness.metrics.classify import proportion
from harness.metrics.measures import Measure, TextMeasure, against_references

BLEU_TOKENS = (
    "13a",
    "zh",
    "ja-mecab",
    "ko-mecab",
    "char",
    "intl",
    "flores200",
    "flores101",
    "spBLEU-1K",
    "none",
)
OPTIONS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "exact_match": {"normalize": ("squad", "case", "none")},
    "f1": {"tokenize": ("spaces", "unicode")},
    "bleu": {"tokenize": BLEU_TOKENS},
    "chrf": {},
    "ter": {"tokenize": ("tercom", "asian")},
    **{name: {"tokenize": ("rouge", "unicode")} for name in text.ROUGES},
}
"""The options of each metric with their values, the default first."""
LONG = 5
"""Characters of an unspaced script in one token from which on it is a phrase rather than a word."""
RUN = re.compile(f"[{text.UNSPACED}]{{{LONG},}}")


def measure(use: str, name: str | None = None, **options: str) -> TextMeasure:
    """The measure ``use`` under its own or another ``name``. Raises UsageError for an invalid option."""
    if use not in OPTIONS:
        raise UnknownName("metric", use, OPTIONS)
    chosen = {option: values[0] for option, values in OPTIONS[use].items()}
    for option, value in options.items():
        if option not in chosen:
            raise UsageError(f"metric {use} takes no {option}; its options: {', '.join(chosen) or 'none'}")
        if value not in OPTIONS[use][option]:
            raise UnknownName(f"value of {option} for {use}", str(value)[:200], OPTIONS[use][option])
        chosen[option] = value
    make = MAKERS.get(use) or partial(_rouge, use)
    return make(chosen.get("tokenize") or chosen.get("normalize") or "").named(name or use)


# ----------------------------------------------------------------------------------------------------- what each one is
def _blind_to(measure: TextMeasure, loses: Callable[[str], str] | None) -> TextMeasure:
    """The measure with ``loses``, which says what it cannot see of a reference."""
    return Measure(replace(measure.metric, loses=loses), measure.value)


def _exact(normalize: str) -> TextMeasure:
    if normalize == "squad":
        return _blind_to(measures.SQUAD_EM, squad_loses)
    normal = _one_case if normalize == "case" else str.strip

    def same(answer: str, references: Sequence[str]) -> float:
        return float(normal(answer) in {normal(reference) for reference in references})

    return Measure(proportion("exact_match", signature=f"normalisation: {normalize}"), against_references(same))


def _one_case(text: str) -> str:
    return " ".join(text.split()).casefold()


def _f1(tokenize: str) -> TextMeasure:
    if tokenize != "unicode":
        return _blind_to(measures.SQUAD_F1, _f1_loses)

    def nearest(answer: str, references: Sequence[str]) -> float:
        return max(text.word_f1(answer, reference, text.unicode_words) for reference in references)

    metric = replace(text.squad_f1, loses=squad_loses, signature="squad normalisation, tok:unicode")
    return Measure(metric, against_references(nearest))


def _bleu(tokenize: str) -> TextMeasure:
    try:
        parts: Callable[[str], str] = text.corpus_scorer("bleu", tokenize).tokenizer
    except Exception as error:  # sacrebleu's own for packages and models that are not at hand
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"metric bleu: tokenize = {tokenize!r} does not load: {reason}") from None
    return _blind_to(measures.bleu(tokenize=tokenize, references="var"), _unspaced(parts, f"BLEU's {tokenize}", "zh"))


def _chrf(option: str) -> TextMeasure:
    return measures.chrf(references="var")


def _ter(tokenize: str) -> TextMeasure:
    loses = None if tokenize == "asian" else _unspaced(str, "TER", "asian")
    return _blind_to(measures.ter(tokenize=tokenize, references="var"), loses)


def _rouge(use: str, tokenize: str) -> TextMeasure:
    unicode = tokenize == "unicode"
    return _blind_to(measures.rouge(use, unicode=unicode), None if unicode else rouge_loses)


MAKERS: Mapping[str, Callable[[str], TextMeasure]] = {
    "exact_match": _exact,
    "f1": _f1,
    "bleu": _bleu,
    "chrf": _chrf,
    "ter": _ter,
}


# ----------------------------------------------------------------------------------------------- what each does not see
def squad_loses(reference: str) -> str:
    """SQuAD's rule drops punctuation and English articles: says so where they are more than a sentence's own."""
    compared = text.squad_normal(reference)
    words = [word.lstrip("\"'“‘([").rstrip(".,;:!?\"'”’)]") for word in reference.lower().split()]
    kept = re.sub(r"(?<=[^\W\d])['.-](?=[^\W\d])", "", " ".join(words))
    article = words[-1:] and words[-1] in ("a", "an", "the")
    if not article and " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split()) == compared:
        return ""
    note = f"SQuAD's rule compares {reference[:40]!r} as {compared[:40]!r}"
    return f'{note}; exact_match with normalize = "none" compares it as written'


def rouge_loses(reference: str) -> str:
    """rouge-score's tokens hold a-z and 0-9 only: says so where a reference has other letters or digits."""
    if not any(letter.isalnum() and not letter.isascii() for letter in reference):
        return ""
    kept = " ".join(re.findall("[a-z0-9]+", reference.lower()))
    note = f"ROUGE reads {reference[:40]!r} as {kept[:40]!r}"
    return f'{note}; tokenize = "unicode" keeps the letters of every script'


def _unspaced(tokenize: Callable[[str], str], what: str, better: str) -> Callable[[str], str]:
    """Says so where ``tokenize`` leaves a phrase of a script without spaces as one word."""

    def loses(reference: str) -> str:
        phrase = RUN.search(tokenize(reference)) if RUN.search(reference) else None
        return f'{what} takes {phrase[0][:40]!r} for one word; tokenize = "{better}" parts it' if phrase else ""

    return loses


_UNSPACED_F1 = _unspaced(text.squad_normal, "F1", "unicode")


def _f1_loses(reference: str) -> str:
    return squad_loses(reference) or _UNSPACED_F1(reference)
