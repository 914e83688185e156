"""What every task says of itself, whatever its kind."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.types import Card


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The version of a task, its card and its tags.

    Raise ``version`` whenever the prompt or the judging changes: numbers of two versions are never compared.
    ``tags`` select tasks (``--tasks tag:NAME``).
    """

    version: int
    card: Card
    tags: Sequence[str] = ()
