"""What a scripted user says: lines, and lines that depend on what the model said before."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.errors import DataError, quoted
from harness.types import Row

Line = str | tuple[tuple[str, ...], str, str]
"""A text, or (what is listened for, what is said where the model's last answer holds any of it, and where not)."""
KEYS = {"when", "then", "otherwise"}
LONGEST = 200
"""Characters of a text that is listened for: to look for it takes no more steps than these, for each of an answer."""
SPACED = "\u0e00"
"""Before it stand the letters of scripts that part words by spaces; Thai, Chinese and others after it do not."""


def script_of(lines: object) -> list[Line]:
    """The lines of a script, the first of which is a text. Raises DataError."""
    if not isinstance(lines, list | tuple) or not lines or not isinstance(lines[0], str):
        raise DataError(f"the script is {quoted(lines)}, not a list of lines that begins with a text")
    return [_line(line) for line in lines]


def filled_lines(lines: Sequence[Any], row: Row, fill: Callable[[str, Row], str]) -> list[Any]:
    """A script whose texts are templates, filled from a row by ``fill(template, row)``."""

    def one(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: one(value) for key, value in part.items()}
        return [one(each) for each in part] if isinstance(part, list) else fill(part, row)

    return [one(line) for line in lines]


def said(line: str | Sequence[Any], answer: str) -> str:
    """What the user says after an answer of the model's."""
    if isinstance(line, str):
        return line
    when, then, otherwise = line[0], line[1], line[2]
    return str(then if heard(when, answer) else otherwise)


def heard(texts: Sequence[str], answer: str) -> bool:
    """Whether an answer holds one of some texts as whole words, whatever its case and its spaces.

    Nothing of a row or an answer is a pattern: it would take a hostile one no more than a few letters to never end.
    """
    heard_ = _plain(answer)
    return any(_holds(heard_, _plain(text)) for text in texts)


def _holds(text: str, words: str) -> bool:
    at = text.find(words)
    while at >= 0:
        before, after = text[at - 1 : at] if at else "", text[at + len(words) : at + len(words) + 1]
        if not _joined(before, words[0]) and not _joined(words[-1], after):
            return True
        at = text.find(words, at + 1)
    return False


def _joined(one: str, other: str) -> bool:
    """Whether two signs are of one word."""
    return one.isalnum() and other.isalnum() and max(one, other) < SPACED


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _line(line: Any) -> Line:
    """A line of a script. Raises DataError for one that says nothing or listens for nothing."""
    if isinstance(line, str) and line:
        return line
    if not isinstance(line, Mapping) or set(line) != KEYS:
        raise DataError(f"a line of the script is {quoted(line)}, neither a text nor a table {{when, then, otherwise}}")
    when = line["when"]
    texts = when if isinstance(when, list | tuple) else [when]
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise DataError(f"when = {quoted(when)} of the script is neither a text nor a list of texts")
    if long := next((text for text in texts if len(text) > LONGEST), None):
        raise DataError(f"when = {quoted(long)} of the script has more than {LONGEST} characters")
    then, otherwise = line["then"], line["otherwise"]
    if not all(isinstance(text, str) and text for text in (then, otherwise)):
        raise DataError(f"a line of the script says nothing: {quoted(line)}")
    return (tuple(texts), then, otherwise)
