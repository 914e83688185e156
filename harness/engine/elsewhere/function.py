"""A Python function as a model: text in, text out."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from types import CodeType
from typing import Any

from harness.data import digest
from harness.engine.backend import Batch
from harness.engine.elsewhere.named import named, question_of_letters
from harness.engine.special import cut
from harness.errors import HarnessError, quoted
from harness.types import Choose, Failed, Generate, Generated, ModelInfo, Question, Request, Response


class FunctionModel:
    """Asks a function one prompt at a time. Choices are lettered, and the letter that its answer names is taken.

    Nothing pins what a function answers, so its answers are never reused by another run.
    """

    def __init__(self, function: Callable[[str], str]) -> None:
        self._function = function
        name = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function).__qualname__)}"
        fingerprint = {"function": name, "code": _code_of(function)}
        self.info = ModelInfo(f"python:{name}", fingerprint, frozenset({Generate, Choose}))

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """One answer a batch, in the order of the questions."""
        return ([(i, self._one(q.request))] for i, q in enumerate(questions) if i not in done)

    def stats(self) -> Mapping[str, float | str]:
        """Nothing is known of what a function costs."""
        return {}

    def _one(self, request: Request) -> Response:
        if not isinstance(request, Choose | Generate):
            return Failed("unsupported", f"{self.info.name} is not asked {type(request).__name__}")
        lettered = question_of_letters(request) if isinstance(request, Choose) else request
        if isinstance(lettered, Failed):
            return lettered
        try:
            text = self._function(lettered.prompt)
        except HarnessError:
            raise
        except Exception as error:  # whatever it raises is no answer
            return Failed("plug-in", f"{type(error).__name__}: {error}"[:500])
        if not isinstance(text, str):
            return Failed("plug-in", f"the function gave {quoted(text)}, which is no text")
        if isinstance(request, Choose):
            return named(request, text)
        text, stopped = cut(text, request.stop)
        return Generated(text, len(text.split()), "stop" if stopped else "end")


def _code_of(function: Callable[[str], str]) -> str:
    """A hash of what the function itself does, so that a run is not resumed by another one; not of what it calls.

    Functions within it count, and so do the plain values that it has kept from where it was made.
    """
    code = getattr(function, "__code__", None)
    if code is None:
        return "none"
    cells = zip(code.co_freevars, getattr(function, "__closure__", None) or (), strict=True)
    kept = {name: _plain(cell.cell_contents) for name, cell in cells}
    return digest([_does(code), kept, [_plain(value) for value in getattr(function, "__defaults__", None) or ()]])


def _does(code: CodeType) -> list[Any]:
    constants = [_does(value) if isinstance(value, CodeType) else _plain(value) for value in code.co_consts]
    return [code.co_code.hex(), code.co_names, constants]


def _plain(value: object) -> str:
    """A plain value as it is written; of others, which may print their address, the type alone."""
    return repr(value) if isinstance(value, str | int | float | bytes | None) else type(value).__qualname__
