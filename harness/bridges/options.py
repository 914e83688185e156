"""What another tool's user may say of our models: fields of ``Options``, by their names."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from harness.engine.backend import Options
from harness.errors import UnknownName
from harness.reading.typed import built

ALLOWED = tuple(field.name for field in fields(Options) if field.name not in ("chat", "chat_template", "system"))
"""The other tool itself makes a chat of what it asks."""


def options_of(given: Mapping[str, Any], what: str, also: tuple[str, ...] = ()) -> Options:
    """The options of a model. ``what`` names them in errors, ``also`` are words that are allowed beside them.

    Raises UnknownName for other words, UsageError for a value that is none.
    """
    unknown = next((name for name in given if name not in ALLOWED), None)
    if unknown is not None:
        raise UnknownName(what, unknown, (*also, *ALLOWED))
    return built(Options, dict(given), what)
