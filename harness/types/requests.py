"""What a model is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Constraint:
    """What an answer must look like, for servers that hold a model to it: ``text`` is a JSON schema or an expression.

    ``Constraint.json`` makes one of a schema.
    """

    kind: Literal["json_schema", "regex"]
    text: str

    @classmethod
    def json(cls, schema: Mapping[str, Any]) -> Constraint:
        """An answer in JSON; the order of properties is kept, since a model may have to write them in it.

        Raises TypeError, ValueError or RecursionError for what is no JSON.
        """
        return cls("json_schema", json.dumps(schema, separators=(",", ":"), allow_nan=False))


@dataclass(frozen=True, slots=True)
class Choose:
    """Which of ``choices`` continues ``prompt``?

    A causal model scores log P(choice | prompt); a classifier reads ``inputs`` (one text or a pair) through its head,
    whose label names are matched to ``labels`` (aligned with ``choices``); a server without log-probabilities
    answers in text.
    ``messages``: what a model that is asked in a chat reads in place of ``prompt``, the last turn the user's. Without
    them the prompt is the only turn.
    """

    prompt: str
    choices: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Generate:
    """Continue ``prompt`` until a stop string (not part of the answer), the end token or ``max_tokens``.

    temperature 0 is greedy; otherwise ``seed`` alone decides the draw, never the neighbours in a batch.
    ``inputs`` is the bare source text for sequence-to-sequence models that take no instruction.
    ``messages``: see ``Choose``. ``constraint``: what the answer must look like; it is the server that sees to it.
    """

    prompt: str
    max_tokens: int
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    inputs: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    constraint: Constraint | None = None


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely is ``text`` after ``context``? Natural logarithm.

    With an empty context the text may be longer than the model's window: it is then rolled through disjoint windows
    in which every token is predicted exactly once, or through windows that advance by ``stride`` tokens.
    A masked model answers by pseudo-log-likelihood (one mask at a time).
    """

    text: str
    context: str = ""
    stride: int | None = None


@dataclass(frozen=True, slots=True)
class PseudoLikelihood:
    """How likely are those tokens of ``text`` that it shares with ``other``, each masked once? Natural logarithm.

    Only a masked model can answer; the rest of ``text`` stays visible. Shared are the equal blocks that difflib finds
    in the token ids of both texts; special tokens are not scored (Nangia et al. 2020, CrowS-Pairs).
    """

    text: str
    other: str


Request = Choose | Generate | Likelihood | PseudoLikelihood
