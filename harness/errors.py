"""Every error that a user may see: one line with the bad value and the valid ones, and the exit code it ends with.

HarnessError
|-- UsageError        exit 2: the command, a file of the user's, or the configuration is wrong
|   |-- UnknownName       no such task, model, metric or run; names the nearest ones
|   |-- DataError         rows that are missing, truncated or not what the task expects
|   |   `-- NotAtHand     a dataset that is in no folder or cache here, nor to be had from the Hub
|   |-- TooLong           prompts longer than the model's context
|   `-- Unsupported       a model that cannot answer what a task asks
|-- RunError          exit 3: the run or its surroundings failed
|   |-- StoreError        the store is read-only, full, newer than the program or gone
|   `-- ModelError        weights that do not load, a server that does not answer
`-- TimeUp            exit 5: a run stopped because its time was over; --resume goes on
"""

from collections.abc import Iterable
from difflib import get_close_matches

QUOTED = 200
"""Characters of a value that a message quotes."""
LONGEST = 900
"""Characters of a whole message."""


def quoted(value: object, most: int = QUOTED) -> str:
    """A value as messages quote it: its ``repr``, cut so that the sentence around it can still be read."""
    try:
        shown = repr(value[: most + 1] if isinstance(value, str) else value)
    except (ValueError, RecursionError):  # a number of too many digits, a list of too many levels
        return f"a {type(value).__name__} that is too long to show"
    return shown if len(shown) <= most else f"{shown[:most]}…"


def listed(names: Iterable[object], most: int = 12) -> str:
    """Names with commas between them; of many the first, and of a long one its beginning."""
    words = [name if len(name) <= 40 else f"{name[:40]}…" for name in map(str, names)]
    return ", ".join(words[:most]) + (", ..." if len(words) > most else "")


class HarnessError(Exception):
    """Something a user can act on; ``str(error)`` is one line of at most ``LONGEST`` characters."""

    exit_code = 3

    def __str__(self) -> str:
        line = " ".join(super().__str__().split())
        return line if len(line) <= LONGEST else f"{line[:LONGEST]}… ({len(line):,} characters)"


class UsageError(HarnessError):
    """The command or a file of the user's is wrong."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that nothing answers to."""

    def __init__(self, kind: str, name: str, valid: Iterable[str]) -> None:
        names = sorted(valid)
        near = get_close_matches(name, names, n=3, cutoff=0.5) if len(name) <= QUOTED else []
        hint = f"did you mean {listed(near)}?" if near else f"valid: {listed(names)}"
        super().__init__(f"unknown {kind} {quoted(name)}; {hint if names else 'there are none yet'}")


class DataError(UsageError):
    """Rows that are missing, truncated or not what the task expects."""


class NotAtHand(DataError):
    """A dataset, or a split of it, that is in no folder or cache here, nor to be had from the Hub."""


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


class TimeUp(HarnessError):
    """The time that a run was given is over; what was answered is kept."""

    exit_code = 5
