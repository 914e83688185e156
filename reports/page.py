"""HTML pages and Markdown lines in which every text from outside is nothing but text."""

from collections.abc import Sequence
from typing import Any

import jinja2

from harness.visible import cut, markdown

LONGEST = 5_000
"""Characters of one text in a report."""


def page(template: str, **facts: Any) -> str:
    """A page of this package: every text is cut and escaped, nothing is loaded from anywhere."""
    loader = jinja2.PackageLoader("harness_reports", ".")
    pages = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, finalize=_harmless)
    return pages.get_template(template).render(**facts)


def _harmless(value: Any) -> Any:
    return cut(value, LONGEST) if type(value) is str else value


def plain(text: str) -> str:
    """A text that Markdown takes for nothing but text."""
    return markdown(text, LONGEST)


def line(cells: Sequence[str]) -> str:
    """One row of a Markdown table."""
    return f"| {' | '.join(map(plain, cells))} |"
