"""Texts that come from models and datasets, made harmless and comparable; no Streamlit in here."""

import json
import re
from difflib import SequenceMatcher
from typing import Any

import pandas as pd

from harness.visible import cell, cut

__all__ = ["CELL", "clock", "cut", "escaped", "family", "harmless", "json_text", "spreadsheet", "word_difference"]

CELL = 300
"""Characters of one text in a table."""

WORDS = 600
"""Words of each side that a difference looks at."""

_VERSION = re.compile(r"[/_-](checkpoint|step|epoch)[-_]?\d+$")
_LINK = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)", re.IGNORECASE)
"""Where a word joiner keeps Markdown from making a link of a bare address: it does so even where signs are escaped."""

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=])")


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame whose texts are short and harmless to show."""
    return frame.map(lambda value: cut(value, CELL) if isinstance(value, str) else value)


def spreadsheet(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame for spreadsheets: a text that they would take for a formula begins with an apostrophe."""
    return frame.rename(columns=_no_formula).map(_no_formula)


def _no_formula(value: object) -> object:
    return cell(value) if isinstance(value, str) else value


def escaped(text: str, length: int = 200) -> str:
    """A text that Markdown takes for nothing but text: for headings and labels, which are Markdown to Streamlit."""
    return _MARKDOWN.sub(r"\\\1", _LINK.sub("\N{WORD JOINER}", " ".join(cut(text, length).split())))


def family(model: str) -> str:
    """What versions of a model share: its name without revision (``@...``) and checkpoint (``/checkpoint-100``)."""
    return _VERSION.sub("", model.partition("@")[0].rstrip("/"))


def clock(time: str) -> str:
    """A time in ISO 8601 to the minute."""
    return time[:16].replace("T", " ")


def json_text(value: Any, indent: int | None = None) -> str:
    """A value as JSON, on one line without spaces unless it is indented."""
    return json.dumps(value, indent=indent, ensure_ascii=False, separators=(",", ":") if indent is None else None)


def word_difference(gold: str, answer: str) -> str:
    """The answer against the gold as a diff: words of the gold alone after "-", of the answer alone after "+"."""
    one, two = gold.split()[:WORDS], answer.split()[:WORDS]
    lines: list[str] = []
    for kind, a, b, c, d in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if kind == "equal":
            lines.append(f"  {' '.join(one[a:b])}")
            continue
        lines += [f"- {' '.join(one[a:b])}"] * (b > a) + [f"+ {' '.join(two[c:d])}"] * (d > c)
    return "\n".join(lines) or "both are empty"
