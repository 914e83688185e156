"""What a model answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Chosen:
    """Log-probability of every choice (natural log, summed over its tokens), and how many tokens each has.

    ``logprobs`` is empty when the model answered in text: then ``picked`` was parsed from ``text`` and nothing that
    needs probabilities can be computed from it.
    """

    picked: int
    logprobs: tuple[float, ...] = ()
    tokens: tuple[int, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Generated:
    """Generated text without its stop string; ``finish`` tells what ended it.

    ``reasoning``: what the model thought before it answered, which is no part of the answer; ``tokens`` counts both.
    """

    text: str
    tokens: int
    finish: Literal["stop", "length", "end"]
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Scored:
    """Log-likelihood of a text: ``logprob`` = sum of ``token_logprobs`` (natural log); ``bytes`` of the text in UTF-8.

    ``greedy``: every token was the model's most likely one.
    """

    logprob: float
    tokens: int
    bytes: int
    greedy: bool
    token_logprobs: tuple[float, ...] = ()


FailureKind = Literal[
    "connection", "empty", "filtered", "judge", "logprobs", "missing", "nan", "no-choice", "no-embedding",
    "no-likelihood", "no-scorer", "no-start", "plug-in", "refusal", "refused", "replay", "sandbox", "scorer",
    "scripted", "server", "thinking", "too-large", "too-long", "tool-call", "unparsed", "unsupported", "worker-died",
]  # fmt: skip
"""What a server, a model, a task or a scorer could not do; "plug-in" is for those of others.

"judge": the judge of a task raised an error over the answer."""


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer, or none that can be judged; never a score."""

    kind: FailureKind
    message: str


Response = Chosen | Generated | Scored | Failed
