"""How a server scores a text that it is given, and whether it says the same of the same text twice.

Two ways are tried: the echo of a prompt, then vLLM's ``prompt_logprobs``. A server that keeps what texts begin with may
return the numbers of another text for it, and nothing in one answer shows that. So a way counts only where a long text
gets the same numbers alone and as the beginning of a longer one, with another text asked between, and where the next
token that the server writes has the log-probability that it had when it was written.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.engine.elsewhere import http_echo
from harness.engine.elsewhere.http_body import IN_VAIN, GaveUp, Json
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


@dataclass(frozen=True, slots=True)
class ScoringWay:
    """How to ask for the log-probabilities of a prompt, and how to read them."""

    name: str
    request: Callable[[str, str], Json]
    read: Callable[[Json, str], list[Token]]


def asked_for_prompt_logprobs(model: str, prompt: str) -> Json:
    """The body that asks vLLM for the log-probabilities of a prompt."""
    return {"model": model, "prompt": prompt, "max_tokens": 1, "prompt_logprobs": 1, "temperature": 0.0}


def prompt_logprobs(answer: Json, prompt: str) -> list[Token]:
    """The tokens of ``prompt`` [n], checked as an echo's are. Raises GaveUp (kind logprobs)."""
    choice = http_echo.first_choice(answer)
    places = choice.get("prompt_logprobs")
    if not (isinstance(places, list) and len(places) > 1 and all(isinstance(p, dict) and p for p in places[1:])):
        raise http_echo.no("the answer holds none")
    own = [next(iter(place.values())) for place in places[1:]]  # the prompt's own token is the first of each place
    if not all(isinstance(token, dict) and isinstance(token.get("decoded_token"), str) for token in own):
        raise http_echo.no("the tokens are not texts")
    tokens = [token["decoded_token"] for token in own]
    tops = [{key: top.get("logprob") for key, top in place.items() if isinstance(top, dict)} for place in places[1:]]
    # Of the first token nothing is said, not even its text: it is what the others leave of the prompt, or a BOS.
    first = prompt.removesuffix("".join(tokens))
    logs = {
        "tokens": ["" if first == prompt else first, *tokens],
        "token_logprobs": [None, *(token.get("logprob") for token in own)],
        "top_logprobs": [None, *tops],
    }
    return http_echo.echoed({"choices": [{"logprobs": logs}]}, prompt)


WAYS = (
    ScoringWay("echo", http_echo.request, http_echo.echoed),
    ScoringWay("prompt_logprobs", asked_for_prompt_logprobs, prompt_logprobs),
)


async def way_of(model: str, post: Post) -> tuple[ScoringWay | None, bool, str]:
    """(the first way whose log-probabilities are believable, whether it tells which tokens are likeliest, why the ways
    before it are not). Raises GaveUp where no answer comes.
    """
    reasons = []
    for way in WAYS:

        async def score(text: str, way: ScoringWay = way) -> list[Token]:
            tokens: list[Token] = await post(way.request(model, text), lambda answer: way.read(answer, text))
            return tokens

        try:
            tokens = http_echo.unlike(await score(http_echo.PROBE))
            await _agree(score, model, post)
        except GaveUp as error:
            if error.kind in IN_VAIN:
                raise
            reasons.append(f"{way.name}: {error}")
        else:
            return way, all(token.greedy is not None for token in tokens[1:]), "; ".join(reasons)
    return None, False, "; ".join(reasons)


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
