"""Reports of one run from the store: HTML, Markdown, a model card and JSON."""

from harness_reports.bias import bias
from harness_reports.people import people
from harness_reports.write import REPORTS as WRITERS

REPORTS = {**WRITERS, "bias": bias, "people": people}

__all__ = ["REPORTS"]
