"""How a server scores a text that it is given, and whether it says the same of the same text twice.

A server that keeps what texts begin with may return the numbers of another text for it, and nothing in one answer shows
that. So they are believed only where a long text gets the same numbers alone and as the beginning of a longer one, with
another text asked between, and where the next token that the server writes has the log-probability that it had when it
was written.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from harness.engine.elsewhere import http_echo
from harness.engine.elsewhere.http_body import Json
from harness.engine.elsewhere.http_echo import Token

Post = Callable[[Json, Callable[[Json], Any]], Awaitable[Any]]
"""Asks the completions endpoint; what is read from the answer."""

TEXT = " ".join(
    f"In row {n} of the field stand {n + 3} trees, each {2 * n + 1} steps from the next." for n in range(12)
)
OTHER = " ".join(f"Page {n}: the ship left port at {n} and sailed {3 * n} miles north of us." for n in range(14))
TAIL = "\n\nThen the rows end."
"""More tokens than any server keeps in one block, twice, and what makes the first longer."""
MEAN, MOST = 0.1, 1.0
"""Differences of the log-probability of a token that rounding in half precision explains; wrong ones differ by more."""


async def greedy_told(model: str, post: Post) -> bool:
    """Whether a server's scores tell which tokens are likeliest. Raises GaveUp where they are not believable."""

    async def score(text: str) -> list[Token]:
        body = http_echo.request(model, text)
        tokens: list[Token] = await post(body, lambda answer: http_echo.echoed(answer, text))
        return tokens

    tokens = http_echo.unlike(await score(http_echo.PROBE))
    await _agree(score, model, post)
    return all(token.greedy is not None for token in tokens[1:])


async def _agree(score: Callable[[str], Awaitable[list[Token]]], model: str, post: Post) -> None:
    """Raises GaveUp where the same text does not get the same numbers."""
    alone = await score(TEXT)
    await score(OTHER)
    pairs = _shared(alone, await score(TEXT + TAIL))
    apart = [abs(one - other) for one, other in pairs]
    if len(apart) < len(alone) // 2:
        raise http_echo.no("the same text is cut into other tokens the second time")
    if sum(apart) / len(apart) > MEAN or max(apart) > MOST:
        raise http_echo.no(
            f"the same text gets others the second time, by up to {max(apart):.3g}; a server that keeps what texts "
            "begin with may do so (vLLM: --no-enable-prefix-caching)"
        )
    ahead: Json = {"model": model, "prompt": TEXT, "max_tokens": 1, "logprobs": 1, "temperature": 0.0}
    token, logprob = await post(ahead, _written)
    if logprob is not None:
        last = (await score(TEXT + token))[-1]
        if last.start == len(TEXT) and last.logprob is not None and abs(last.logprob - logprob) > MOST:
            raise http_echo.no(
                f"{token!r:.40} had {logprob:.3g} when it was written and has {last.logprob:.3g} in a prompt"
            )


def _shared(alone: Sequence[Token], longer: Sequence[Token]) -> list[tuple[float, float]]:
    """The log-probabilities of the tokens that both begin with."""
    pairs = []
    for one, other in zip(alone, longer, strict=False):
        if (one.start, one.end) != (other.start, other.end):
            break
        if one.logprob is not None and other.logprob is not None:
            pairs.append((one.logprob, other.logprob))
    return pairs


def _written(answer: Json) -> tuple[str, float | None]:
    """The token that a server wrote and its log-probability; None where it does not say."""
    logs = http_echo.first_choice(answer).get("logprobs")
    tokens, scores = (logs.get(key) if isinstance(logs, dict) else None for key in ("tokens", "token_logprobs"))
    if not (isinstance(tokens, list) and isinstance(scores, list) and tokens and scores):
        return "", None
    told = isinstance(tokens[0], str) and tokens[0] and type(scores[0]) in (int, float) and scores[0] <= 0
    return (tokens[0], float(scores[0])) if told else ("", None)
