"""What lm-evaluation-harness asks a model, as questions of ours, and our answers as it wants them."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import Unsupported
from harness.types import Generate, Generated, Likelihood, Request, Response, Scored

MAX_TOKENS = 256
"""Of an answer whose task says nothing, as the package has it."""
IGNORED = {"num_beams", "num_return_sequences"}
"""Words of generation that change nothing at their value 1."""
SAMPLING = {"temperature", "top_p", "top_k", "do_sample"}


def requests_of(kind: str, arguments: tuple[Any, ...], *, seed: int = 0, repeats: int = 1) -> tuple[Request, ...]:
    """The questions of one of their requests: one, or as many draws as it has repeats. Raises Unsupported."""
    if kind == "loglikelihood":
        return (Likelihood(arguments[1], arguments[0]),)
    if kind == "loglikelihood_rolling":
        return (Likelihood(arguments[0]),)
    if kind != "generate_until":
        raise Unsupported(f"lm-eval asks for {kind}, which no model here answers")
    one = generate(arguments[0], arguments[1])
    if one.temperature == 0:
        return (one,)
    return tuple(generate(arguments[0], arguments[1], seed + draw) for draw in range(repeats))


def generate(prompt: str, words: Mapping[str, Any], seed: int = 0) -> Generate:
    """A text to write, from the words that their model ``hf`` takes. Raises Unsupported for words that we lack."""
    from lm_eval.models.utils import normalize_gen_kwargs

    given: dict[str, Any] = dict(normalize_gen_kwargs(dict(words), MAX_TOKENS))
    until, limit = given.pop("until"), given.pop("max_gen_toks")
    sampled = bool(given.pop("do_sample", False))
    temperature = float(words.get("temperature", 1.0)) if sampled else 0.0
    top_p = float(given.pop("top_p", 1.0)) if temperature else 1.0
    idle = {key for key in given if key in SAMPLING and (not temperature or key == "temperature")}
    idle |= {key for key in given if key in IGNORED and given[key] == 1}
    if lacking := sorted(given.keys() - idle - {"top_p"}):
        raise Unsupported(f"generation by {lacking[0]} = {given[lacking[0]]!r} is not supported")
    stop = tuple(text for text in until if text)
    return Generate(prompt, limit, stop, temperature, top_p, seed if temperature else 0)


def answer_of(response: Response, kind: str) -> Any:
    """A response as their request of this kind wants it: (log P, greedy), log P, or a text."""
    if isinstance(response, Scored):
        return response.logprob if kind == "loglikelihood_rolling" else (response.logprob, response.greedy)
    assert isinstance(response, Generated)
    return response.text


def answers_of(responses: Sequence[Response], kind: str, repeats: int) -> list[Any]:
    """The answers to one of their requests: as many as it has repeats, which are alike where nothing is drawn."""
    answers = [answer_of(response, kind) for response in responses]
    return answers if len(answers) == repeats else answers * repeats
