"""Open-ended text: how varied a model writes when nothing says what is right."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from harness.data import packaged
from harness.kinds import About, Data, Decoding, generation
from harness.kinds.text import written
from harness.metrics import text
from harness.metrics.classify import mean
from harness.metrics.measures import Measure, TextMeasure
from harness.metrics.whole import answers, over_outcomes
from harness.types import Better, Card, Example, Response

BUDGET = 500
"""Words over which distinct-n is counted: it falls with length, so that models are compared over equally many."""
NO_INTERVAL = "no interval: a resample repeats texts, which is what the figure counts; not compared between stored runs"


def over_answers(
    name: str, figure: Callable[[list[str]], float], better: Better, most: float, signature: str
) -> TextMeasure:
    """A figure of all answers together, from 0 to ``most``; a single answer has no value."""
    metric = over_outcomes(
        name,
        lambda outcomes: figure(answers(outcomes)),
        better=better,
        bounds=(0.0, most),
        limits=NO_INTERVAL,
        signature=signature,
    )

    def value(example: Example, answer: str) -> None:
        return None

    return Measure(metric, value)


def distinct(order: int) -> TextMeasure:
    """Share of distinct n-grams over the first words of all answers."""
    signature = f"first {BUDGET} words of all answers in their order; undefined where there are fewer"
    return over_answers(
        f"distinct_{order}", lambda texts: text.distinct(texts, order, BUDGET), "higher", 1.0, signature
    )


def _repetition(example: Example, answer: str) -> float:
    return text.repetition(answer)


REPETITION: TextMeasure = Measure(
    mean("repetition", bounds=(0.0, 1.0), better="lower", signature="share of repeated 4-grams within an answer"),
    _repetition,
)


def _words(example: Example, *, repeat: bool) -> tuple[Response, ...]:
    """Thirty words that no other example has, or the same word thirty times."""
    draw = random.Random(example.id)
    words = ["again" if repeat else f"{draw.getrandbits(48):x}" for _ in range(30)]
    return (written(" ".join(words)),)


OPENENDED = generation(
    "openended",
    data=Data(packaged("harness_tasks", "data/openended.jsonl"), id="id"),
    prompt="{prompt}",
    target=lambda row: "",
    decoding=Decoding(max_tokens=64, stop=("\n\n",), temperature=1.0),
    measures=(
        distinct(1),
        distinct(2),
        distinct(3),
        over_answers("self_bleu", text.self_bleu, "lower", 100.0, "sentence BLEU against all other answers, 13a"),
        over_answers("self_repetition", text.self_repetition, "lower", math.inf, "4-grams of words, natural logarithm"),
        over_answers("compression_ratio", text.compression, "lower", math.inf, "bytes over bytes of gzip"),
        REPETITION,
    ),
    about=About(
        version=1,
        tags=("generation", "diversity"),
        card=Card(
            measures="How varied 40 continuations are that a model draws at temperature 1: distinct n-grams over a "
            f"fixed {BUDGET} words, likeness to each other, repetition within and between them, compression.",
            limits="Variety is not quality: noise is the most varied text. One draw for each prompt; English. The "
            "figures of all answers have no interval, and with --limit there may be too few words for distinct-n.",
            source="written for this project",
            licence="Apache-2.0",
            citation="Shaib et al. 2024, Standardizing the Measurement of Text Diversity; Li et al. 2016 (distinct-n)",
        ),
    ),
)

TASKS = (replace(OPENENDED, best=partial(_words, repeat=False), worst=partial(_words, repeat=True)),)
