"""Reports of runs from the store: HTML, Markdown, JSON, a model card, the bias card and the responsible-AI report."""

from harness_reports.people import people
from harness_reports.write import REPORTS as WRITERS

REPORTS = {**WRITERS, "people": people}

__all__ = ["REPORTS"]
