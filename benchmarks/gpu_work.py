"""Streams of requests in the shape of known benchmarks, of random words, and what computing them takes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gpu_models import BEGIN, SPECIAL, STOP
from numpy.typing import NDArray

from harness.types import Choose, Generate, Likelihood, Question, Request

Ids = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, and the tokens of its every span: (ids, number of the first one that is predicted)."""

    request: Request
    spans: tuple[tuple[Ids, int], ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """What is asked (tokens read for every span alone) and what has to be computed: distinct rows, read rows, pairs."""

    asked: int = 0
    rows: int = 0
    logits: int = 0
    pairs: int = 0


class Words:
    """A source of random words of a vocabulary."""

    def __init__(self, words: Sequence[str], seed: int) -> None:
        self.words = words
        self.draw = np.random.default_rng(seed)

    def ids(self, low: int, high: int | None = None) -> Ids:
        """Between ``low`` and ``high`` words, both included, none of them special."""
        count = low if high is None else int(self.draw.integers(low, high + 1))
        return self.draw.integers(len(SPECIAL) + 1, len(self.words), count, dtype=np.int32)

    def text(self, ids: Ids) -> str:
        """The text that these tokens stand for."""
        return " ".join([self.words[i] for i in ids.tolist()])

    def shots(self, length: int, count: int = 5) -> Ids:
        """``count`` shots of ``length`` tokens together, each opened by the stop word."""
        found = self.ids(length)
        found[:: max(1, length // count)] = self.words.index(STOP)
        return found


def choose(words: Words, head: Ids, head_text: str, tail: Ids, choices: Sequence[Ids]) -> Ask:
    """Which of ``choices`` follows ``head`` and ``tail``? The head's text is not made anew for every question."""
    context = np.concatenate(([np.int32(BEGIN)], head, tail)).astype(np.int32)
    texts = [words.text(tail), *(words.text(choice) for choice in choices)]
    request = Choose(f"{head_text} {texts[0]}".strip(), tuple(f" {text}" for text in texts[1:]))
    return Ask(request, tuple((np.concatenate((context, choice)), len(context)) for choice in choices))


def mmlu(words: Words, count: int, subjects: int = 57, shared: int = 600) -> list[Ask]:
    """Five shots (``shared`` tokens) a subject, a question of 80 to 150 tokens, four choices of one token."""
    letters = [words.ids(1) for _ in range(4)]
    found = []
    for subject in range(min(subjects, count)):
        head = words.shots(shared)
        text = words.text(head)
        share = count // subjects + (subject < count % subjects) if count > subjects else 1
        found += [choose(words, head, text, words.ids(80, 150), letters) for _ in range(share)]
    return found


def arc(words: Words, count: int) -> list[Ask]:
    """A question of 30 to 60 tokens, four choices of 3 to 12."""
    none = words.ids(0)
    return [choose(words, none, "", words.ids(30, 60), [words.ids(3, 12) for _ in range(4)]) for _ in range(count)]


def hellaswag(words: Words, count: int) -> list[Ask]:
    """A context of 50 to 90 tokens, four endings of 15 to 35."""
    none = words.ids(0)
    return [choose(words, none, "", words.ids(50, 90), [words.ids(15, 35) for _ in range(4)]) for _ in range(count)]


def rolling(words: Words, count: int, length: int = 3000) -> list[Ask]:
    """Documents of about ``length`` tokens whose every token is predicted, after one <s>."""
    found = []
    for _ in range(count):
        ids = words.ids(length * 2 // 3, length * 4 // 3)
        whole = np.concatenate(([BEGIN], ids)).astype(np.int32)
        found.append(Ask(Likelihood(words.text(ids)), ((whole, 1),)))
    return found


def gsm8k(words: Words, count: int, shared: int = 800, new: int = 256, temperature: float = 0.0) -> list[Ask]:
    """Five shots (``shared`` tokens) in common, a question of 40 to 80 tokens, an answer of ``new`` at most."""
    head = words.shots(shared)
    text = words.text(head)
    found = []
    for _ in range(count):
        tail = words.ids(40, 80)
        ids = np.concatenate(([np.int32(BEGIN)], head, tail)).astype(np.int32)
        request = Generate(f"{text} {words.text(tail)}", new, (STOP,), temperature)
        found.append(Ask(request, ((ids, len(ids)),)))
    return found


def sampled(words: Words, count: int, **sizes: int) -> list[Ask]:
    """``gsm8k`` at temperature 0.7."""
    return gsm8k(words, count, temperature=0.7, **sizes)


def token_level(words: Words, contexts: int, texts: int = 3, shared: int = 120) -> list[Ask]:
    """Likelihoods of several texts of 8 to 16 tokens behind each context, all contexts opening alike."""
    head, found = words.ids(shared), []
    for _ in range(contexts):
        context = np.concatenate((head, words.ids(20, 40)))
        text = words.text(context)
        for _ in range(texts):
            ids = words.ids(8, 16)
            whole = np.concatenate(([np.int32(BEGIN)], context, ids)).astype(np.int32)
            found.append(Ask(Likelihood(f" {words.text(ids)}", text), ((whole, len(context) + 1),)))
    return found


WORKS: Mapping[str, Callable[..., list[Ask]]] = {
    "mmlu": mmlu,
    "arc": arc,
    "hellaswag": hellaswag,
    "rolling": rolling,
    "gsm8k": gsm8k,
    "sampled": sampled,
}


def questions(asks: Sequence[Ask]) -> list[Question]:
    """The requests without a benchmark around them."""
    return [Question("gpu", str(i), 0, ask.request) for i, ask in enumerate(asks)]


def spread(asks: Sequence[Any], count: int) -> list[int]:
    """``count`` positions that lie evenly over all."""
    return sorted({int(i) for i in np.linspace(0, len(asks) - 1, min(count, len(asks)))})


def cost_of(asks: Sequence[Ask], made: Sequence[int] = ()) -> Cost:
    """What these requests take when no token is computed twice; ``made``: tokens of every generated answer."""
    lengths = iter(made)
    spans = [(ids, start) for ask in asks for ids, start in ask.spans]
    new = [next(lengths) if start == len(ids) else 0 for ids, start in spans]
    # The last token of a span is predicted, never read; of a prompt it is read, and the last one made is not.
    read = [ids if start == len(ids) else ids[:-1] for ids, start in spans]
    asked = sum(map(len, read)) + sum(new)
    order = sorted(range(len(read)), key=lambda i: read[i].astype(">i4").tobytes())
    rows = logits = pairs = 0
    before: Ids = np.zeros(0, np.int32)
    for i in order:
        ids, start = read[i], spans[i][1]
        width = min(len(ids), len(before))
        differ = np.flatnonzero(ids[:width] != before[:width])
        known = int(differ[0]) if len(differ) else width
        length = len(ids) + max(0, new[i] - 1)
        rows += length - known
        pairs += (length * (length + 1) - known * (known + 1)) // 2
        logits += new[i] if new[i] else max(0, length - max(known, start - 1))
        before = ids
    return Cost(asked, rows, logits, pairs)
