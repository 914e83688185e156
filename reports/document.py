"""A report as what it says: sections of paragraphs, lists, tables and pictures, written as Markdown or as HTML."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.visible import cut
from harness_reports.page import LONGEST, line, page, plain


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or several."""

    text: str
    kind: Literal["paragraph"] = "paragraph"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]
    kind: Literal["bullets"] = "bullets"


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A text whose lines are kept as they are, such as a command."""

    text: str
    kind: Literal["verbatim"] = "verbatim"


SENTENCES = frozenset({"Verdict", "Difference", "Reading", "Evidence in these runs"})
"""Heads of columns that hold sentences and need room."""
REFERENCE = "Reference"
"""The head of a column of articles and the like."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of texts. ``numbers``: the heads of columns of numbers; ``codes``: of those with hashes and ids.

    ``links`` leads from texts of the first column to pages beside this one; Markdown has no links.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    links: tuple[str, ...] = ()
    kind: Literal["grid"] = "grid"

    def style(self, place: int) -> str:
        """The class of a column's cells."""
        name = self.head[place]
        if name in self.numbers:
            return "n"
        return "c" if name in self.codes else "v" if name in SENTENCES else "r" if name == REFERENCE else "t"


@dataclass(frozen=True, slots=True)
class Bar:
    """A line of a picture: shares of the axis from 0 to 1, and what stands beside them."""

    label: str
    text: str
    value: float
    low: float
    high: float
    ideal: float | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """Values as points on their intervals. Markdown leaves it out: the numbers are in a table too."""

    bars: tuple[Bar, ...]
    kind: Literal["picture"] = "picture"

    @property
    def alt(self) -> str:
        """The picture in words."""
        return "Values with 95 % intervals: " + "; ".join(f"{bar.label} {bar.text}" for bar in self.bars)


Block = Paragraph | Bullets | Verbatim | Grid | Picture


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A heading and what stands under it; ``level`` 2 is a part of the document, 3 a part of that."""

    title: str
    blocks: Sequence[Block]
    level: int = 2
    new_page: bool = False


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """A report, independent of its form; ``links``: of a page among others, (text, file) of those beside it."""

    title: str
    lead: str
    sections: Sequence[ReportSection]
    links: tuple[tuple[str, str], ...] = ()


def html(document: ReportDocument) -> str:
    """One self-contained page for screen and A4: every text is escaped, nothing is loaded, no script may run."""
    return page("document.html", document=document)


def markdown(document: ReportDocument) -> str:
    """The same as Markdown, in which every text from outside is nothing but text."""
    lines = [f"# {plain(document.title)}", "", plain(document.lead), ""]
    for section in document.sections:
        lines += [f"{'#' * section.level} {plain(section.title)}", ""]
        for block in section.blocks:
            lines += _lines(block)
    return "\n".join(lines)


def _lines(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield from (plain(block.text), "")
    elif isinstance(block, Bullets):
        yield from (f"- {plain(item)}" for item in block.items)
        yield ""
    elif isinstance(block, Verbatim):
        yield from (f"    {text}" for text in cut(block.text, LONGEST).splitlines() or [""])
        yield ""
    elif isinstance(block, Grid):
        yield line(block.head)
        yield line(["---:" if name in block.numbers else "---" for name in block.head])
        yield from (line(row) for row in block.rows)
        yield ""
