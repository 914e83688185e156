"""Entry points, loaded with care: a broken one is named with its reason, and no file of the user's taken for ours."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from harness.errors import UnknownName, UsageError


@dataclass(frozen=True, slots=True)
class Broken:
    """A plug-in that could not be used, and why."""

    name: str
    reason: str

    @classmethod
    def of(cls, point: EntryPoint, error: Exception) -> "Broken":
        """An entry point that raised an error."""
        return cls(label(point), reason(error))


def load_entry(point: EntryPoint):  # type: ignore[no-untyped-def]
    """What an entry point names. Raises whatever its package raises."""
    loaded = point.load()
    _refuse_shadow(point)
    return loaded


def functions(group: str) -> tuple[dict[str, Any], list[Broken]]:
    """The functions that the entry points of a group map names to, and the broken ones."""
    offered: dict[str, Any] = {}
    broken = []
    for point in entry_points(group=group):
        try:
            named = load_entry(point)
            if not isinstance(named, Mapping):
                raise TypeError(f"an entry point of {group} maps names to functions; this is a {type(named).__name__}")
            offered.update(named)
        except Exception as error:
            broken.append(Broken.of(point, error))
    return offered, broken


def unknown(what: str, name: str, valid: Iterable[str], broken: Sequence[Broken]) -> UsageError:
    """That nothing has this name, with the nearest ones and the broken plug-ins that may have held it."""
    error = UnknownName(what, name, valid)
    hint = "; ".join(f"plug-in {one.name} is broken: {one.reason}" for one in broken)
    return UsageError(f"{error} ({hint})") if hint else error


def label(point: EntryPoint) -> str:
    """The package of an entry point, with its name and what it names."""
    return f"{point.dist.name if point.dist else '?'} ({point.name} = {point.value})"


def reason(error: Exception) -> str:
    """An error on one line, after its kind."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _refuse_shadow(point: EntryPoint) -> None:
    """A file of the user's named like an installed module (``tasks.py``) must not be taken for it."""
    module = sys.modules.get(point.value.partition(":")[0])
    top = point.value.partition(":")[0].partition(".")[0]
    file = Path(module.__file__ or "") if module and module.__file__ else None
    here = Path.cwd()
    if file and point.dist and point.dist.name == "rai-harness" and file.stem == top and file.parent == here:
        raise UsageError(f"{file} shadows the installed package {top!r}: rename it or start the `harness` script")
