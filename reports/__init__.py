"""Reports of one run from the store: HTML, Markdown, a model card and JSON."""

from reports.bias import bias
from reports.write import REPORTS as WRITERS

REPORTS = {**WRITERS, "bias": bias}

__all__ = ["REPORTS"]
