"""What a task asks beside what a model can answer."""

from collections.abc import Sequence

from harness.engine.backend import Backend
from harness.errors import Unsupported
from harness.sheets import Sheet
from harness.types import Constraint, Generate


def check(backend: Backend, planned: Sequence[Sheet]) -> None:
    """Refuse a model that cannot answer what a task asks, before anything is computed. Raises Unsupported."""
    lacking = {p.task.name: asked_kinds(p) - backend.info.answers for p in planned}
    for name, missing in lacking.items():
        if missing:
            able = ", ".join(_words(backend.info.answers))
            fits = [other for other, lacks in lacking.items() if not lacks]
            raise Unsupported(
                f"{backend.info.name} cannot answer {', '.join(_words(missing))}, which "
                f"{name} asks; it answers {able}" + (f" (of these tasks: {', '.join(fits)})" if fits else "")
            )


def unable(model: str, answers: frozenset[type], planned: Sequence[Sheet]) -> dict[str, str]:
    """By task why a model cannot be asked it: the kinds of request that are not among those that it ``answers``."""
    return {
        p.task.name: f"{model} answers no {' and no '.join(_words(missing))}"
        for p in planned
        if (missing := asked_kinds(p) - answers)
    }


def asked_kinds(p: Sheet) -> frozenset[type]:
    """What a model must be able to answer: the task's kinds of request, and Constraint where an answer has one."""
    requests = (request for own in p.requests for request in own)
    constrained = any(isinstance(request, Generate) and request.constraint for request in requests)
    return p.task.requests | {Constraint} if constrained else p.task.requests


def _words(kinds: frozenset[type]) -> list[str]:
    """Kinds of request as messages name them."""
    return sorted("Generate within a JSON schema or regex" if kind is Constraint else kind.__name__ for kind in kinds)
