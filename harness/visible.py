"""Texts that come from models, datasets, errors and command lines, made harmless to show wherever people read them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

CUT = 20_000
"""Characters of one text that are shown: a line of a megabyte must not stop a browser."""

_MARKDOWN = re.compile(r"[\\`*\[\]|~$!#]|(?<!\w)_|_(?!\w)|:(?=//)|(?<=www)\.")
_BROKEN = re.compile("[\0\ud800-\udfff]")
_PARTED = re.compile(r"(?<=[;\t\r\n])")
_QUOTES = '"\N{FULLWIDTH QUOTATION MARK}'
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


def cut(text: str, length: int = CUT) -> str:
    """A text that is harmless to show: control and direction marks visible, no more than ``length`` characters."""
    head = text[:length]
    plain = head.isprintable()  # of almost every text, and much faster than a look at each of its characters
    shown = head if plain else "".join(_visible(head, place) for place in range(len(head)))
    return shown if len(text) <= length else f"{shown}… ({len(text):,} characters)"


def _visible(text: str, place: int) -> str:
    """A character of a text, or its code. Joiners stay between letters and in emoji, where they are spelling."""
    c = text[place]
    if c.isprintable() or c in "\n\t":
        return c
    beside = text[place - 1 : place] + text[place + 1 : place + 2] if c in _JOINERS else ""
    joins = len(beside) == 2 and all(unicodedata.category(other)[0] in "LMS" for other in beside)
    return c if joins else f"\\u{ord(c):04x}"


def whole(text: str) -> str:
    """A text that every database and file takes: NUL and halves of surrogate pairs are replaced by U+FFFD."""
    return _BROKEN.sub("\N{REPLACEMENT CHARACTER}", text)


def line(text: object, length: int = 300) -> str:
    """A text on one line that is harmless to print."""
    return " ".join(cut(str(text), length).split())


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Paths by as many of their last parts as tell each one from the others: two never share a short name."""
    parts = {name: name.rstrip("/").split("/") for name in names}
    short: dict[str, str] = {}
    depth = 1
    while left := [name for name in parts if name not in short]:
        tails = {name: "/".join(parts[name][-depth:]) for name in parts}
        counts = Counter(tails.values())
        for name in left:
            if counts[tails[name]] == 1 and tails[name]:
                short[name] = tails[name]
            elif depth >= len(parts[name]):
                short[name] = name
        depth += 1
    return short


def cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula: what begins like one has an apostrophe before it.

    Where a comma stands in decimals, spreadsheets part cells by semicolons and heed no quotes within a line, so that a
    text begins anew behind a semicolon, a tab or the end of a line. Blanks, quotes and what is invisible do not count,
    and the wide signs of East Asian keyboards count as signs. The price: ``1;-2`` becomes ``1;'-2``, and an item of a
    list that begins with a hyphen has an apostrophe.
    """
    parts = "".join(f"'{part}" if _computes(part) else part for part in _PARTED.split(text))
    return f"'{parts}" if text[:1] in ("\t", "\r") else parts


def _computes(text: str) -> bool:
    begin = next((c for c in text if c.isprintable() and not c.isspace() and c not in _QUOTES), "")
    return unicodedata.normalize("NFKC", begin) in ("=", "+", "-", "@")


def number(value: float | None) -> str:
    """Four significant digits; "-" where there is no number, never 0."""
    return "-" if value is None else f"{value:.4g}"


def interval(low: float | None, high: float | None) -> str:
    """``[low, high]``; "-" where there is none."""
    return "-" if low is None or high is None else f"[{low:.4g}, {high:.4g}]"


def markdown(text: str, length: int = 5_000) -> str:
    """A text that Markdown takes for nothing but text, on one line: no link, no picture, no cell of its own."""
    flat = " ".join(cut(text, length).split()).replace("&", "&amp;").replace("<", "&lt;")
    return _MARKDOWN.sub(r"\\\g<0>", flat)


def html_table(head: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> str:
    """A ``table`` element whose cells are nothing but text, whatever a model's name or an answer holds."""
    cells = ["".join(f"<td>{escape(line(cell))}</td>" for cell in row) for row in rows]
    told = f"<caption>{escape(line(caption, 500))}</caption>" if caption else ""
    names = "".join(f"<th>{escape(line(name))}</th>" for name in head)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f"<table>{told}<thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"
