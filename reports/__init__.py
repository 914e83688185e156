"""Reports of one run from the store: HTML, Markdown, a model card and JSON."""

from reports.write import REPORTS

__all__ = ["REPORTS"]
