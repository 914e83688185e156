"""The options of a choice in another order, and the answer to it told in the original order."""

import re
from dataclasses import replace
from random import Random

from harness.types import Choose, Chosen, Message, Request, Response

LETTER = re.compile(r"^(\(?)([A-Z])([.):])( ?)(.*)$")


def reordered(request: Request, seed: str) -> tuple[Choose, tuple[int, ...]] | None:
    """The request with its options permuted and the new place of each; None where there is nothing to permute.

    Where the choices are letters, the lettered lines of the prompt change places and the letters stay; elsewhere the
    choices themselves do, which a model that scores each of them alone cannot notice.
    """
    if not isinstance(request, Choose) or len(request.choices) < 2:
        return None
    count = len(request.choices)
    places = list(range(count))
    rng = Random(seed)
    while places == sorted(places):
        rng.shuffle(places)
    if [choice.strip() for choice in request.choices] == [chr(65 + i) for i in range(count)]:
        prompt = _relettered(request.prompt, places)
        *past, last = request.messages or (Message("user", request.prompt),)
        asked = _relettered(last.content, places)
        messages = (*past, replace(last, content=asked)) if past and asked else ()
        return (replace(request, prompt=prompt, messages=messages), tuple(places)) if prompt else None
    choices, labels = _moved(request.choices, places), _moved(request.labels, places)
    return replace(request, choices=choices, labels=labels), tuple(places)


def to_original(response: Response, places: tuple[int, ...]) -> Response:
    """The answer to a reordered request as if it had been given to the original one."""
    if not isinstance(response, Chosen):
        return response
    logprobs = tuple(response.logprobs[place] for place in places) if response.logprobs else ()
    tokens = tuple(response.tokens[place] for place in places) if response.tokens else ()
    return Chosen(places.index(response.picked), logprobs, tokens, response.text)


def to_reordered(response: Response, places: tuple[int, ...]) -> Response:
    """The inverse of ``to_original``, for scripted answers."""
    inverse = tuple(places.index(i) for i in range(len(places)))
    return to_original(response, inverse)


def _moved(values: tuple[str, ...], places: list[int]) -> tuple[str, ...]:
    """Each value at its new place; nothing of nothing."""
    return tuple(values[places.index(i)] for i in range(len(values)))


def _relettered(prompt: str, places: list[int]) -> str | None:
    """The last block of lines A., B., ... with its texts at their new places; None if it has other letters."""
    lines = prompt.split("\n")
    matches = [(i, m) for i, line in enumerate(lines) if (m := LETTER.match(line))][-len(places) :]
    if [m[2] for _, m in matches] != [chr(65 + i) for i in range(len(places))]:
        return None
    if matches[-1][0] - matches[0][0] != len(places) - 1:
        return None
    for old, place in enumerate(places):
        i, mark = matches[place]
        lines[i] = "".join(mark.group(1, 2, 3, 4)) + matches[old][1][5]
    return "\n".join(lines)
