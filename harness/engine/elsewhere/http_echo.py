"""Log-probabilities of a prompt's own tokens, as a server echoes them, believed only where they can be checked.

Offsets that a server gives are not read: some count a BOS string, some count bytes, some are missing. The tokens
joined must be the prompt; where each one begins follows from that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.engine.elsewhere.http_body import GaveUp, Json

PROBE = "One, two, three: a small probe of seven words or so."
BEFORE = 2
"""Special tokens that may stand before the prompt's own, such as a BOS."""
ENOUGH = 3
"""Log-probabilities of one prompt that differ, or are not all 0, where they are a model's."""
LOWEST = -1e6
"""Some servers write -9999 for minus infinity; what is far below is no logarithm of anything."""


@dataclass(frozen=True, slots=True)
class Token:
    """Characters [start, end) of a prompt; ``logprob`` None for a first token, ``greedy`` None where unknown."""

    start: int
    end: int
    logprob: float | None
    greedy: bool | None


def request(model: str, prompt: str) -> Json:
    """The body that asks a completions endpoint for the log-probabilities of a prompt."""
    return {"model": model, "prompt": prompt, "max_tokens": 1, "echo": True, "logprobs": 1, "temperature": 0.0}


def echoed(answer: Json, prompt: str) -> list[Token]:
    """The tokens of ``prompt`` [n]. Raises GaveUp (kind logprobs) where what a server says of them cannot be so."""
    logs = first_choice(answer).get("logprobs")
    if not (isinstance(logs, dict) and logs.get("tokens")):
        raise no("the answer holds none")
    tokens, scores, tops = (logs.get(key) for key in ("tokens", "token_logprobs", "top_logprobs"))
    if not (isinstance(tokens, list) and all(isinstance(t, str) for t in tokens)):
        raise no("the tokens are not texts")
    if not (isinstance(scores, list) and len(scores) == len(tokens)):
        raise no("there is not one for every token")
    if not (isinstance(tops, list) and len(tops) == len(tokens)):
        tops = [None] * len(tokens)
    first, ends = _spans(tokens, prompt)
    last = first + len(ends)
    logprobs = [_number(x) if i or x is not None else None for i, x in enumerate(scores[first:last])]
    if len(logprobs) > ENOUGH and not any(logprobs):
        raise no("all of them are 0")
    greedy = [_greedy(p, top) for p, top in zip(logprobs, tops[first:last], strict=True)]
    return [Token(*place) for place in zip([0, *ends], ends, logprobs, greedy, strict=False)]


def first_choice(answer: Json) -> Json:
    """The one choice of an answer. Raises ValueError where there is none."""
    choices = answer.get("choices")
    if not (isinstance(choices, list) and choices and isinstance(choices[0], dict)):
        raise ValueError("the answer has no choices")
    choice: Json = choices[0]
    return choice


def unlike(tokens: list[Token]) -> list[Token]:
    """The tokens of PROBE. Raises GaveUp where they are too few or all alike, as no model's are."""
    if len({token.logprob for token in tokens[1:]}) < ENOUGH:
        raise no(f"those of {PROBE!r} are all alike")
    return tokens


def _spans(tokens: Sequence[str], prompt: str) -> tuple[int, list[int]]:
    """(index of the first token of the prompt, where each of its tokens ends). What was generated follows them."""
    first = next((k for k in range(BEFORE + 1) if "".join(tokens[k:]).startswith(prompt)), None)
    if first is None:
        raise no("the tokens joined are not the prompt")
    ends, at = [], 0
    for token in tokens[first:]:
        if at >= len(prompt):
            break
        at += len(token)
        ends.append(at)
    if at != len(prompt):
        raise no("no token ends where the prompt does")
    return first, ends


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not LOWEST <= value <= 0:
        raise no(f"{value!r:.40} is none")
    return float(value)


def _greedy(logprob: float | None, top: Any) -> bool | None:
    """Whether no token was likelier; None where the server does not say."""
    if logprob is None or not isinstance(top, dict) or not top:
        return None
    return logprob >= max(map(_number, top.values()))


def no(why: str) -> GaveUp:
    """Why the log-probabilities of a prompt are not believed."""
    return GaveUp("logprobs", f"no believable log-probabilities of the prompt: {why}")
