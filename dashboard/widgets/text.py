"""Texts that come from models and datasets, made harmless and comparable; no Streamlit in here."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

import pandas as pd

from harness.visible import cut

__all__ = ["CELL", "cut", "escaped", "harmless", "spreadsheet", "word_difference"]

CELL = 300
"""Characters of one text in a table."""

WORDS = 600
"""Words of each side that a difference looks at."""

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=])")


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame whose texts are short and harmless to show."""
    return frame.map(lambda value: cut(value, CELL) if isinstance(value, str) else value)


def spreadsheet(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame for spreadsheets: a text that they would take for a formula begins with an apostrophe."""
    return frame.rename(columns=_no_formula).map(_no_formula)


def _no_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def escaped(text: str, length: int = 200) -> str:
    """A text that Markdown takes for nothing but text: for headings and labels, which are Markdown to Streamlit."""
    return _MARKDOWN.sub(r"\\\1", " ".join(cut(text, length).split()))


def word_difference(gold: str, answer: str) -> str:
    """The answer against the gold, word by word: ``[-lacking-]`` and ``{+surplus+}`` among what both have."""
    one, two = gold.split()[:WORDS], answer.split()[:WORDS]
    return " ".join(_marked(one, two)) or "both are empty"


def _marked(one: list[str], two: list[str]) -> Iterator[str]:
    for kind, a, b, c, d in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if kind == "equal":
            yield " ".join(one[a:b])
            continue
        if b > a:
            yield f"[-{' '.join(one[a:b])}-]"
        if d > c:
            yield f"{{+{' '.join(two[c:d])}+}}"
