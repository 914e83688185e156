"""The answer within what a model wrote, found by an expression, a path through JSON, or a letter."""

import json
import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from harness.errors import UnknownName, UsageError, quoted

Extract = Callable[[str], str | None]
"""Finds the answer in what was written; None where there is none."""
SECONDS = 2.0
"""An expression has so long for one answer: with one that somebody else has written it may otherwise never end."""
COPIES = 100_000
"""An expression's counts, such as {3,5}, may make so many copies: they are made in memory, each within the others."""
COUNT = re.compile(r"\{(\d*),?(\d*)\}")
RECURSION = re.compile(r"\(\?(?:R|[+-]?\d|&|P>)")
STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d{1,6})\]")
DECODER = json.JSONDecoder()


class TooSlow(Exception):
    """An expression that did not come to an end."""


def extractor(how: Mapping[str, Any]) -> Extract:
    """What a task file's table ``extract`` describes: ``{regex}``, ``{json}`` or ``{letter}``.

    Raises UsageError for another table, an expression or path that is none, and UnknownName.
    """
    (name, value), *more = how.items() or [("", "")]
    if name not in KINDS:
        raise UnknownName("way to extract", name, KINDS)
    if more or not isinstance(value, str) or not value:
        raise UsageError(f"extract = {quoted(how)} is not one text under one of {', '.join(KINDS)}")
    return KINDS[name](value)


def _by_expression(pattern: str) -> Extract:
    """The last match, or its first group if it has one."""
    import regex  # as re, but for the end that it can be given

    counts = [int(number) for pair in COUNT.findall(pattern) for number in pair if number.strip("0")]
    if math.prod(counts) > COPIES or RECURSION.search(pattern):
        raise UsageError(f"extract: {quoted(pattern)} calls itself or counts beyond {COPIES:,}: too much")
    try:
        expression = regex.compile(pattern)
    except (regex.error, RecursionError) as error:
        raise UsageError(f"extract: {quoted(pattern)} is no regular expression: {error}") from None

    def find(text: str) -> str | None:
        try:
            last = None
            for match in expression.finditer(text, timeout=SECONDS):
                last = match
        except (TimeoutError, MemoryError) as error:
            end = f"did not end within {SECONDS:g} seconds" if isinstance(error, TimeoutError) else "took all memory"
            raise TooSlow(f"the expression {quoted(pattern, 80)} {end}") from None
        found: str | None = last and (last[1] if expression.groups else last[0])
        return found

    return find


def _by_path(path: str) -> Extract:
    """The value at a path such as ``total.items[0]`` of the first JSON object or list in the text."""
    steps = [match[1] if match[2] is None else int(match[2]) for match in STEP.finditer(path)]
    if "".join(match[0] for match in STEP.finditer(path)) != path or path.startswith("."):
        raise UsageError(f"extract: {quoted(path)} is no path such as total.items[0]")
    return partial(_at, steps)


def _at(steps: list[str | int], text: str) -> str | None:
    value = _json_in(text)
    for step in steps:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else None
    return value if isinstance(value, str | None) else json.dumps(value, ensure_ascii=False)


def _json_in(text: str) -> Any:
    """The first object or list of a text; None where what begins like one is none."""
    start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    try:
        return DECODER.raw_decode(text, start)[0] if start >= 0 else None
    except (ValueError, RecursionError):
        return None


def _by_letter(letters: str) -> Extract:
    """The last of some capital letters that stands by itself."""
    if not (letters.isascii() and letters.isupper() and letters.isalpha()):
        raise UsageError(f"extract: letter = {quoted(letters)} is not a text of capital letters such as ABCD")
    return _by_expression(rf"(?<![\w'’])[{letters}](?![\w'’])")


KINDS: Mapping[str, Callable[[str], Extract]] = {
    "regex": _by_expression,
    "json": _by_path,
    "letter": _by_letter,
}
