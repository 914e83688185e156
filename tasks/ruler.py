"""Long contexts in the manner of RULER: needles, chains of variables and common words, made to a length in tokens.

    harness run MODEL --tasks ruler:MODEL        lengths from 512 tokens up to the model's own

Texts are made by a seeded generator, to a length in the tokens of one model (Hsieh et al. 2024); nothing is downloaded.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from harness.engine.backend import Options
from harness.errors import DataError, UnknownName
from harness.kinds import About, Decoding, Extremes, Items, probe
from harness.kinds.text import seed_of, written
from harness.metrics.classify import UNIT, mean
from harness.metrics.intervals import wilson
from harness.metrics.whole import over_outcomes
from harness.types import (
    Card,
    Dataset,
    Example,
    Generate,
    Generated,
    Judged,
    Metric,
    Outcome,
    Request,
    Response,
    Row,
    Task,
)
from harness_tasks.ruler_texts import COMMON_WORDS, NEEDLE, NEEDLES, VARIABLES, LongText, Scene, fitted

Count = Callable[[str], int]
"""A text -> how many tokens it has, with those that the model's tokenizer puts around it."""

SHORTEST, EACH, DEPTHS = 512, 40, (0, 25, 50, 75, 100)
"""Tokens of the shortest texts; examples of each length; where a needle lies, in percent of the text before it."""
ENOUGH = 0.85
"""The share that has to be recalled, as the paper has it (85.6 %, what Llama 2 reaches at 4,000 tokens)."""
KINDS: dict[str, LongText] = {
    "needle": NEEDLE,
    "needles": NEEDLES,
    "variables": VARIABLES,
    "common_words": COMMON_WORDS,
}


def effective_length(outcomes: Sequence[Outcome], lengths: Sequence[int]) -> float:
    """The longest length up to which the 95 % interval of what is recalled lies above ``ENOUGH`` at every length.

    In tokens; 0 where it does not at the shortest, NaN where none of the texts of a length was judged before that is
    known: a length that failed is not one that was read. The interval is Wilson's, of the mean share.
    """
    reached = 0
    for length in sorted(lengths):
        own = [o.judged.values["recall"] for o in outcomes if o.judged and int(o.example.slices["length"]) == length]
        shares = [value for value in own if isinstance(value, float)]
        if not shares:
            return math.nan
        if wilson(sum(shares) / len(shares), len(shares), 1.959964)[0] <= ENOUGH:
            break
        reached = length
    return float(reached)


def metrics(lengths: Sequence[int]) -> tuple[Metric, ...]:
    """What is measured of texts of these lengths."""
    return (
        mean(
            "recall", bounds=UNIT, limits="the share of what was asked for that stands in the answer, in whatever case"
        ),
        over_outcomes(
            "effective_length",
            partial(effective_length, lengths=lengths),
            bounds=(0.0, float("inf")),
            limits=f"tokens: the longest length up to which the interval of recall lies above {ENOUGH} throughout; "
            "0: none; undefined where a length has no judged text",
        ),
    )


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one kind for one model: ``count`` counts its tokens, ``seed`` decides every word."""

    kind: str
    count: Count
    seed: int

    def example(self, row: Row, dataset: Dataset) -> Example:
        """What a row says, and what is to be recalled of its text."""
        length, depth = row["length"], row["depth"]
        slices = {"length": str(length)} | ({} if depth is None else {"depth": str(depth)})
        fields = {"length": length, "depth": depth}
        return Example(row["id"], fields, self._scene(row["id"], length).answers, slices)

    def ask(self, example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        """The text with its question, as long as its row says together with the answer. Raises DataError.

        Texts are made here, so that a limited run makes those alone that it asks.
        """
        kind, length, depth = KINDS[self.kind], example.fields["length"], example.fields["depth"]
        scene = self._scene(example.id, length)
        prompt = fitted(lambda size: kind.text(scene, size, depth), self.count, length - kind.max_tokens)
        return (Decoding(kind.max_tokens).request(prompt, seed_of(self.kind, example.id)),)

    def _scene(self, id: str, length: int) -> Scene:
        return KINDS[self.kind].scene(random.Random(f"{self.kind} {self.seed} {id}"), length)


def judge(example: Example, responses: tuple[Response, ...]) -> Judged:
    """The share of what was asked for that the answer holds."""
    (response,) = responses
    assert isinstance(response, Generated)
    said = response.text.casefold()
    share = sum(gold.casefold() in said for gold in example.target) / len(example.target)
    return Judged(response.text.strip(), {"recall": share}, share == 1.0)


def ruler_tasks(count: Count, lengths: Sequence[int], *, seed: int = 0, each: int = EACH) -> list[Task]:
    """All kinds of text in ``lengths`` (tokens by ``count``, the answer's among them), ``each`` texts of a length."""
    return [ruler_task(kind, count, lengths, seed=seed, each=each) for kind in KINDS]


def ruler_task(kind: str, count: Count, lengths: Sequence[int], *, seed: int = 0, each: int = EACH) -> Task:
    """One kind of text. Raises UnknownName."""
    if kind not in KINDS:
        raise UnknownName("kind of long text", kind, KINDS)
    depths = DEPTHS if KINDS[kind].deep else (None,)
    rows = [
        {"id": f"{length}/{number}", "length": length, "depth": depths[number % len(depths)], "seed": seed}
        for length in lengths
        for number in range(each)
    ]
    texts = Texts(kind, count, seed)
    return probe(
        f"ruler/{kind}",
        items=Items(Dataset("generated:ruler", kind, "test", rows=rows), texts.example),
        ask=texts.ask,
        asks=Generate,
        judge=judge,
        metrics=metrics(lengths),
        extremes=Extremes(
            best=lambda example: (written(", ".join(example.target)),),
            worst=lambda example: (written("I cannot tell."),),
        ),
        about=About(version=1, card=card(KINDS[kind]), tags=("long context", "generation")),
    )


def card(kind: LongText) -> Card:
    """What a kind of text shows, and what it does not."""
    return Card(
        measures=f"{kind.measures}, by length of the text in the model's own tokens.",
        limits="Made-up texts: finding and counting words is less than understanding a long document. Lengths are in "
        "the tokens of the model that is named after `ruler:`; other models see other texts. --chat adds the tokens of "
        "its template. Fewer than 22 texts of a length can never reach an effective length.",
        source="generated, after https://github.com/NVIDIA/RULER",
        licence="Apache-2.0",
        citation="Hsieh et al. 2024, RULER: What's the Real Context Size of Your Long-Context Language Models?",
    )


def ruler(model: str) -> list[Task]:
    """The tasks for a local model: its own tokens, from 512 up to the longest text that it reads, each twice the last.

    Raises the errors of loading a tokenizer, DataError for a model that reads less or does not say how much.
    """
    if model in KINDS:  # a stored run's task, which does not say for which model it was
        raise UnknownName("model for ruler:", model, ())
    from harness.engine.unloaded import open_unloaded

    known = open_unloaded(model, Options())
    if known.context is None or known.context < SHORTEST:
        raise DataError(
            f"{model} reads {known.context or 'an unknown number of'} tokens, and the shortest texts have {SHORTEST}"
        )

    def count(text: str) -> int:
        return len(known.tokenizer(text)["input_ids"])

    doubled = (SHORTEST << power for power in range(32))
    return ruler_tasks(count, [length for length in doubled if length <= known.context])
