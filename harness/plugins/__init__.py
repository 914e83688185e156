"""Finds tasks, models and metrics that packages offer through entry points, and names the culprit when one is broken.

Entry-point groups: ``harness.tasks`` (a Task, a sequence of them, or a function that returns them),
``harness.groups`` (a mapping of group name to task patterns or to a ``Group``, which has an average too),
``harness.families`` (a function from a member's name to the task ``ENTRYPOINT/member`` or ``ENTRYPOINT:member``, for
tasks too many to list; it may be ``Listed``),
``harness.models`` (a function (name, options) -> Backend, asked for as ``ENTRYPOINT:name``), ``harness.scorers`` (what
follows ``ENTRYPOINT:`` -> a function from texts to numbers from 0 to 1), ``harness.metrics`` (a function that
returns a Measure, which a task file can then name, or a Metric alone), ``harness.reports`` and ``harness.exports`` (a
mapping of name to writer).
"""

from harness.plugins.entries import Broken, functions, unknown
from harness.plugins.families import FamilyMember, Listed, members
from harness.plugins.loading import OF_A_JUDGE, bound, is_local, load_model, load_scorer, models, offers_model
from harness.plugins.offers import Catalogue, about_bias, about_safety, catalogue, installed_metrics, metrics
from harness.plugins.selection import installed, names_many, require_names, select

__all__ = [
    "OF_A_JUDGE",
    "Broken",
    "Catalogue",
    "FamilyMember",
    "Listed",
    "about_bias",
    "about_safety",
    "bound",
    "catalogue",
    "functions",
    "installed",
    "installed_metrics",
    "is_local",
    "load_model",
    "load_scorer",
    "members",
    "metrics",
    "models",
    "names_many",
    "offers_model",
    "require_names",
    "select",
    "unknown",
]
