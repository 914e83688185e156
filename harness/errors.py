"""Every error that a user may see: one line with the bad value and the valid ones, and the exit code it ends with.

HarnessError
|-- UsageError        exit 2: the command, a file of the user's, or the configuration is wrong
|   |-- UnknownName       no such task, model, metric or run; names the nearest ones
|   |-- DataError         rows that are missing, truncated or not what the task expects
|   |-- TooLong           prompts longer than the model's context
|   `-- Unsupported       a model that cannot answer what a task asks
`-- RunError          exit 3: the run or its surroundings failed
    |-- StoreError        the store is read-only, full, newer than the program or gone
    `-- ModelError        weights that do not load, a server that does not answer
"""

from collections.abc import Iterable
from difflib import get_close_matches


class HarnessError(Exception):
    """Something a user can act on; ``str(error)`` is one line."""

    exit_code = 3

    def __str__(self) -> str:
        return " ".join(super().__str__().split())


class UsageError(HarnessError):
    """The command or a file of the user's is wrong."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that nothing answers to."""

    def __init__(self, kind: str, name: str, valid: Iterable[str]) -> None:
        names = sorted(valid)
        near = get_close_matches(name, names, n=3, cutoff=0.5)
        hint = (
            f"did you mean {', '.join(near)}?"
            if near
            else f"valid: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}"
        )
        super().__init__(f"unknown {kind} {name!r}; {hint}" if names else f"unknown {kind} {name!r}; there is none yet")


class DataError(UsageError):
    """Rows that are missing, truncated or not what the task expects."""


class TooLong(UsageError):
    """Prompts that exceed the model's context."""


class Unsupported(UsageError):
    """A model that cannot answer what a task asks."""


class RunError(HarnessError):
    """The run or its surroundings failed."""


class StoreError(RunError):
    """The store cannot be read or written."""


class ModelError(RunError):
    """A model does not load or does not answer."""
