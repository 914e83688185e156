"""What may be evaluated: a name, an open model, a function, a transformers model with its tokenizer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from harness import plugins
from harness.engine.backend import Backend, Exam, Options
from harness.errors import UsageError, quoted
from harness.types import Task


@dataclass(frozen=True, slots=True)
class Opener:
    """How to open a model once it is known what it will be asked."""

    open: Callable[[Sequence[Exam]], Backend]


Model = str | Path | Backend | Opener | Callable[[str], str] | tuple[Any, Any]
"""A name or folder; a ``Backend``; how to open one; a function from a prompt to an answer; (model, tokenizer)."""

SCORING = ("device", "dtype")
"""Options that a scorer of texts takes too."""
OF_SERVERS = ("base_url", "concurrency", "timeout", "requests_per_minute", "tokens_per_minute")
"""Options that only a server has a use for, or a model of a plug-in, which may be one."""


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


def usable(spec: str, options: Options, tasks: Sequence[Task]) -> Options:
    """The options without those of servers where ``spec`` is none; a judge of the tasks may still have some of them."""
    if spec.startswith("openai:") or plugins.offers_model(spec):
        return options
    kept = plugins.OF_A_JUDGE if any(task.judging for task in tasks) else ()
    dropped = set(OF_SERVERS).difference(kept)
    defaults: dict[str, Any] = {f.name: f.default for f in fields(Options) if f.name in dropped}
    return replace(options, **defaults)


def require_usable(spec: str, options: Options, tasks: Sequence[Task]) -> None:
    """Raises UsageError for an option of servers that would do nothing; its value, which may be secret, is not told."""
    own = usable(spec, options, tasks)
    idle = [f.name for f in fields(Options) if getattr(own, f.name) != getattr(options, f.name)]
    if idle:
        raise UsageError(f"{', '.join(idle)} means nothing to {spec}, which is no server")
