"""Open-ended text: how varied a model writes when nothing says what is right."""

import random
from collections.abc import Callable
from dataclasses import replace

from harness.data import packaged
from harness.kinds import TextMeasure, generation
from harness.metrics import text
from harness.metrics.classify import mean
from harness.metrics.outside import Better, over_texts
from harness.types import Card, Example, Generated, Response, Task

BUDGET = 500
"""Words over which distinct-n is counted: it falls with length, so that models are compared over equally many."""
NO_INTERVAL = "no interval: a resample repeats texts, which is what the figure counts; not compared between stored runs"


def over_answers(name: str, figure: Callable[[list[str]], float], better: Better, signature: str) -> TextMeasure:
    """A figure of all answers together."""
    metric, value = over_texts(
        name, lambda texts, _: figure(texts), better=better, limits=NO_INTERVAL, signature=signature
    )
    return metric, lambda example, answer: value(example.id, answer, None)


def distinct(order: int) -> TextMeasure:
    """Share of distinct n-grams over the first words of all answers."""
    signature = f"first {BUDGET} words of all answers in their order; undefined where there are fewer"
    return over_answers(f"distinct_{order}", lambda texts: text.distinct(texts, order, BUDGET), "higher", signature)


MEASURES: tuple[TextMeasure, ...] = (
    distinct(1),
    distinct(2),
    distinct(3),
    over_answers("self_bleu", text.self_bleu, "lower", "sentence BLEU against all other answers, 13a"),
    over_answers("self_repetition", text.self_repetition, "lower", "4-grams of words, natural logarithm"),
    over_answers("compression_ratio", text.compression, "lower", "bytes over bytes of gzip"),
    (mean("repetition", bounds=(0.0, 1.0), better="lower", signature="share of repeated 4-grams within an answer"),
     lambda example, answer: text.repetition(answer)),
)  # fmt: skip


def _words(example: Example, repeat: bool) -> tuple[Response, ...]:
    """Thirty words that no other example has, or the same word thirty times."""
    draw = random.Random(example.id)
    words = ["again" if repeat else f"{draw.getrandbits(48):x}" for _ in range(30)]
    return (Generated(" ".join(words), len(words), "end"),)


def _openended() -> Task:
    task = generation(
        "openended", version=1, dataset=packaged("harness_tasks", "data/openended.jsonl"), prompt="{prompt}",
        target=lambda row: "", measures=MEASURES, max_tokens=64, stop=("\n\n",), temperature=1.0, id="id",
        tags=("generation", "diversity"),
        card=Card(
            measures="How varied 40 continuations are that a model draws at temperature 1: distinct n-grams over a "
            f"fixed {BUDGET} words, likeness to each other, repetition within and between them, compression.",
            limits="Variety is not quality: noise is the most varied text. One draw for each prompt; English. The "
            "figures of all answers have no interval, and with --limit there may be too few words for distinct-n.",
            source="written for this project", licence="Apache-2.0",
            citation="Shaib et al. 2024, Standardizing the Measurement of Text Diversity; Li et al. 2016 (distinct-n)",
        ),
    )  # fmt: skip
    return replace(task, best=lambda e: _words(e, repeat=False), worst=lambda e: _words(e, repeat=True))


TASKS = (_openended(),)
