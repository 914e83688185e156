"""What may be evaluated: a name, an open model, a function, a transformers model with its tokenizer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness import plugins
from harness.engine.backend import Backend, Exam, Options
from harness.errors import UsageError, quoted


@dataclass(frozen=True, slots=True)
class Opener:
    """How to open a model once it is known what it will be asked."""

    open: Callable[[Sequence[Exam]], Backend]


Model = str | Path | Backend | Opener | Callable[[str], str] | tuple[Any, Any]
"""A name or folder; a ``Backend``; how to open one; a function from a prompt to an answer; (model, tokenizer)."""

SCORING = ("device", "dtype")
"""Options that a scorer of texts takes too."""


def opened(model: Model, options: Options, exams: Sequence[Exam]) -> Backend:
    """The model behind the seam. Raises the errors of loading, and UsageError for what is no model."""
    if isinstance(model, str | Path):
        return plugins.load_model(str(model), options, exams)
    if isinstance(model, Opener):
        return model.open(exams)
    if isinstance(model, tuple):
        if len(model) != 2:
            raise UsageError(f"a tuple of {len(model)} is no model; valid: (model, tokenizer)")
        from harness.engine.load import open_in_memory

        return open_in_memory(*model, options)
    if isinstance(model, Backend):
        return model
    if not callable(model):
        raise UsageError(f"{quoted(model)} is no model; valid: a name, a Backend, a function, (model, tokenizer)")
    from harness.engine.elsewhere.function import FunctionModel

    changed = [f.name for f in fields(Options) if getattr(options, f.name) != f.default and f.name not in SCORING]
    if changed:
        raise UsageError(f"{changed[0]} = {quoted(getattr(options, changed[0]))} means nothing to a function")
    return FunctionModel(model)
