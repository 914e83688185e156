"""Metrics of texts: BLEU, chrF, TER, ROUGE, SQuAD's match and F1, and answers extracted from a text."""

from __future__ import annotations

import math
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache, lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.metrics.classify import UNIT, mean, proportion, ratio
from harness.types import Metric

if TYPE_CHECKING:
    from harness.types import Array

BLEU_ORDER = 4
CHRF_ORDER = 6
CHRF_BETA = 2
PERCENT = (0.0, 100.0)


# ------------------------------------------------------------------------------------------- sufficient statistics
@cache
def version(package: str) -> str:
    """The installed version of a package; reading it takes milliseconds, and many tasks name the same few."""
    return metadata.version(package)


@lru_cache(maxsize=32)
def corpus_scorer(kind: str, option: str | int, lowercase: bool = False) -> Any:
    """sacrebleu's own object: it tokenises and counts, here only the counts are kept."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    if kind == "bleu":
        return BLEU(tokenize=str(option), lowercase=lowercase, force=True)
    if kind == "chrf":
        return CHRF(word_order=int(option))
    return TER(normalized=option == "asian", asian_support=option == "asian")


def corpus_row(
    kind: str, option: str | int, hypothesis: str, references: Sequence[str], lowercase: bool = False
) -> tuple[float, ...]:
    """What sacrebleu counts in one segment, for its corpus score. Raises ValueError without a reference."""
    if isinstance(references, str) or not references:
        raise ValueError(f"{kind} needs a sequence of at least one reference, got {references!r}")
    scorer = corpus_scorer(kind, option, lowercase)
    counted = scorer._extract_corpus_statistics([hypothesis], [[text] for text in references])
    return tuple(float(count) for count in counted[0])


def bleu_row(
    hypothesis: str, references: Sequence[str], tokenize: str = "13a", lowercase: bool = False
) -> tuple[float, ...]:
    """BLEU's counts of one segment [10]: hypothesis length, reference length, 4 matches, 4 totals."""
    return corpus_row("bleu", tokenize, hypothesis, references, lowercase)


def chrf_row(hypothesis: str, references: Sequence[str], word_order: int = 0) -> tuple[float, ...]:
    """chrF's counts of one segment [3 * orders]: hypothesis, reference, match of each order; best reference."""
    return corpus_row("chrf", word_order, hypothesis, references)


def ter_row(hypothesis: str, references: Sequence[str], tokenize: str = "tercom") -> tuple[float, ...]:
    """TER's counts of one segment [2]: fewest edits, mean reference length; "asian" parts the characters of Chinese."""
    return corpus_row("ter", tokenize, hypothesis, references)


# ------------------------------------------------------------------------------------------------------------- corpus
def reduce_bleu(sums: Array, n: Array) -> Array:
    """BLEU with sacrebleu's exponential smoothing: every order without a match halves the next substitute."""
    length, reference = sums[..., 0], sums[..., 1]
    matches, totals = sums[..., 2 : 2 + BLEU_ORDER], sums[..., 2 + BLEU_ORDER : 2 + 2 * BLEU_ORDER]
    halvings = 2.0 ** np.cumsum((matches == 0) & (totals > 0), axis=-1)
    precisions = ratio(100.0 * np.where(matches == 0, 1.0 / halvings, matches), totals)  # [..., 4]
    with np.errstate(divide="ignore"):
        logs = np.log(precisions).sum(-1) / BLEU_ORDER
        penalty = np.where(length < reference, np.exp(1.0 - ratio(reference, length, np.inf)), 1.0)
    return np.where(matches.any(-1), penalty * np.exp(logs), 0.0)


def bleu(name: str = "bleu", *, tokenize: str = "13a", references: int | str = 1, lowercase: bool = False) -> Metric:
    """Corpus BLEU (0..100) from ``bleu_row`` with the same options; ``references`` is a count or "var"."""
    case = "lc" if lowercase else "mixed"
    signature = f"nrefs:{references}|case:{case}|eff:no|tok:{tokenize}|smooth:exp|version:{version('sacrebleu')}"
    return Metric(name=name, reduce=reduce_bleu, bounds=PERCENT, signature=signature, kind="bleu")


def reduce_chrf(sums: Array, n: Array) -> Array:
    """F2 of the mean precision and recall over the orders that occur on both sides (sacrebleu's effective order)."""
    counts = sums.reshape(*sums.shape[:-1], -1, 3)
    ours, theirs, matches = counts[..., 0], counts[..., 1], counts[..., 2]  # [..., orders]
    used = (ours > 0) & (theirs > 0)
    orders = used.sum(-1)
    precision = ratio((ratio(matches, ours) * used).sum(-1), orders)
    recall = ratio((ratio(matches, theirs) * used).sum(-1), orders)
    factor = CHRF_BETA**2
    return 100.0 * ratio((1 + factor) * precision * recall, factor * precision + recall)


def chrf(name: str | None = None, *, word_order: int = 0, references: int | str = 1) -> Metric:
    """Corpus chrF2 (0..100), with ``word_order=2`` chrF2++, from ``chrf_row`` with the same ``word_order``."""
    signature = (
        f"nrefs:{references}|case:mixed|eff:yes|nc:{CHRF_ORDER}|nw:{word_order}|space:no|version:{version('sacrebleu')}"
    )
    name = name or "chrf" + "+" * word_order
    return Metric(name=name, reduce=reduce_chrf, bounds=PERCENT, signature=signature, kind="chrf")


def reduce_ter(sums: Array, n: Array) -> Array:
    """100 x edits / reference words; 100 where there are edits and no reference words."""
    edits, reference = sums[..., 0], sums[..., 1]
    return 100.0 * np.where(reference > 0, ratio(edits, reference), (edits > 0).astype(float))


def ter(name: str = "ter", *, tokenize: str = "tercom", references: int | str = 1) -> Metric:
    """Corpus translation edit rate (100 = as many edits as reference words) from ``ter_row``; lower is better."""
    asian = "yes" if tokenize == "asian" else "no"
    signature = (
        f"nrefs:{references}|case:lc|tok:tercom|norm:{asian}|punct:yes|asian:{asian}|version:{version('sacrebleu')}"
    )
    return Metric(name=name, reduce=reduce_ter, better="lower", bounds=(0.0, math.inf), signature=signature, kind="ter")


# -------------------------------------------------------------------------------------------------------------- ROUGE
ROUGES = ("rouge1", "rouge2", "rougeL", "rougeLsum")


@lru_cache(maxsize=4)
def rouge_scorer(stemmer: bool, unicode: bool = False) -> Any:
    """The rouge-score package's scorer for all of ``ROUGES``, made once per setting."""
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(ROUGES), use_stemmer=stemmer, tokenizer=UnicodeWords() if unicode else None)


def rouge_values(
    prediction: str, references: Sequence[str], stemmer: bool = True, *, unicode: bool = False
) -> dict[str, float]:
    """ROUGE-1, -2, -L and -Lsum F-measures (0..1) of one example, the best reference of each; sentences by line.

    rouge-score's own tokens keep a-z and 0-9 only; with ``unicode`` they are ``unicode_words``, which no stemmer cuts.
    """
    scores = rouge_scorer(stemmer, unicode).score_multi(list(references), prediction)
    return {name: float(scores[name].fmeasure) for name in ROUGES}


def rouges(stemmer: bool = True, *, unicode: bool = False) -> tuple[Metric, ...]:
    """The four ROUGE metrics, means over examples of ``rouge_values`` with the same ``stemmer`` and ``unicode``."""
    how = "tok:unicode" if unicode else f"stemmer:{'yes' if stemmer else 'no'}"
    signature = f"f-measure|{how}|rouge-score:{version('rouge-score')}"
    return tuple(mean(name, bounds=UNIT, signature=signature) for name in ROUGES)


# ---------------------------------------------------------------------------------------------------- words of a script
UNSPACED = "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Ranges of the scripts that put no spaces between words: Thai, Lao, Tibetan, Burmese, Khmer, Japanese and Chinese."""
PIECES = re.compile(f"[{UNSPACED}]|[^{UNSPACED}]+")


def unicode_words(text: str) -> list[str]:
    """Words of letters, marks and digits of any script in one case; each character of UNSPACED is a word."""
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in text.casefold())
    return [piece for word in kept.split() for piece in PIECES.findall(word)]


class UnicodeWords:
    """``unicode_words`` as rouge-score asks for them."""

    def tokenize(self, text: str) -> list[str]:
        """The words of a text."""
        return unicode_words(text)


# -------------------------------------------------------------------------------------------------------------- SQuAD
def squad_normal(text: str) -> str:
    """Lower case, no punctuation, no English articles, single spaces: the official evaluation script's rules."""
    bare = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def word_f1(prediction: str, reference: str, words: Callable[[str], list[str]] = str.split) -> float:
    """F1 over normalised words; two empty answers agree (the rule of version 2)."""
    ours, theirs = words(squad_normal(prediction)), words(squad_normal(reference))
    if not ours or not theirs:
        return float(ours == theirs)
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2.0 * shared / (len(ours) + len(theirs))


def squad_values(prediction: str, references: Sequence[str]) -> tuple[float, float]:
    """Exact match and F1 (0..1) of one answer against its best reference."""
    if not references:
        raise ValueError("an answer needs at least one reference")
    exact = max(float(squad_normal(prediction) == squad_normal(text)) for text in references)
    return exact, max(word_f1(prediction, text) for text in references)


squad_em = proportion("exact_match", signature="squad normalisation")
squad_f1 = mean("f1", bounds=UNIT, signature="squad normalisation, words")


# ------------------------------------------------------------------------------------------------- answers in a text
GSM8K = re.compile(r"#### (\-?[0-9\.\,]+)")
NUMBER = re.compile(r"(?<![\w.])[-−]?\$?[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[-−]?\$?\.\d+|\d+")


def gsm8k_answer(text: str) -> str | None:
    """The first number after ``####``, plain: lm-evaluation-harness's strict-match; else None."""
    match = GSM8K.search(text)
    return plain_number(match[1]) if match else None


def last_number(text: str) -> str | None:
    """The last number in a text, plain; else None.

    lm-evaluation-harness's flexible-extract takes the last run of digits, dots, commas and dollar signs instead, which
    may hold no digit ("18 ..."), and compares "18.00" as another text than "18".
    """
    numbers = NUMBER.findall(text)
    return plain_number(numbers[-1]) if numbers else None


def plain_number(number: str) -> str | None:
    """A number without thousands separators, currency sign, final full stop and zeros that say nothing; else None."""
    bare = number.strip().replace(",", "").replace("$", "").replace("−", "-").rstrip(".")
    if not re.fullmatch(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)", bare):  # an exponent could ask for any number of zeros
        return None
    plain = f"{Decimal(bare):f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain == "-0" else plain


# ---------------------------------------------------------------------------------------------------------- diversity
def ngrams(tokens: Sequence[str], order: int) -> list[tuple[str, ...]]:
    """All runs of ``order`` tokens, in order."""
    return [tuple(tokens[start : start + order]) for start in range(len(tokens) - order + 1)]


def distinct(texts: Sequence[str], order: int, budget: int) -> float:
    """Share of distinct n-grams among the first ``budget`` words of all texts; NaN below the budget.

    A fixed number of words, since the plain distinct-n falls with length (Liu et al. 2022).
    """
    grams: list[tuple[str, ...]] = []
    left = budget
    for text in texts:
        words = text.split()[:left]
        left -= len(words)
        grams += ngrams(words, order)
    return math.nan if left > 0 or not grams else len(set(grams)) / len(grams)


def repetition(text: str, order: int = 4) -> float:
    """Share of a text's n-grams that occurred in it before (0 = no repetition); 0 below one n-gram."""
    grams = ngrams(text.split(), order)
    return 1.0 - len(set(grams)) / len(grams) if grams else 0.0


def self_repetition(texts: Sequence[str], order: int = 4) -> float:
    """Mean over texts of log(1 + sum over its n-grams of the other texts that hold it); NaN below two texts.

    Salkar et al. 2022; natural logarithm. Formulas that a model repeats from one answer to the next raise it.
    """
    if len(texts) < 2:
        return math.nan
    grams = [ngrams(text.split(), order) for text in texts]
    holders = Counter(gram for of_text in grams for gram in set(of_text))
    return sum(math.log1p(sum(holders[gram] - 1 for gram in of_text)) for of_text in grams) / len(texts)


def compression(texts: Sequence[str]) -> float:
    """Bytes of all texts, one per line, over their bytes after gzip: larger is more repetitive; NaN if empty."""
    import gzip

    plain = "\n".join(texts).encode("utf-8")
    return len(plain) / len(gzip.compress(plain, mtime=0)) if plain else math.nan


def self_bleu(texts: Sequence[str], tokenize: str = "13a") -> float:
    """Mean sentence BLEU (0..100) of each text against all others: larger is less diverse; NaN below two texts."""
    if len(texts) < 2:
        return math.nan
    rows = [bleu_row(text, [*texts[:place], *texts[place + 1 :]], tokenize) for place, text in enumerate(texts)]
    return float(reduce_bleu(np.asarray(rows), np.ones(len(rows))).mean())
