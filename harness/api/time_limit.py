"""A run that ends by a clock: between two batches, with every answer kept."""

from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from harness.api.records import Listener
from harness.errors import TimeUp


def within(listener: Listener, minutes: float | None, clock: Callable[[], float] = monotonic) -> Listener:
    """A listener that stops whoever reports progress to it after ``minutes`` from now; None: never.

    Raises TimeUp from ``progress``, which a run calls when its batch is in the journal. At least one batch is answered
    first, so that a run that is begun again and again with too short a time still ends.
    """
    if minutes is None:
        return listener
    end = clock() + 60 * minutes
    known: int | None = None

    def progress(done: int, total: int) -> None:
        nonlocal known
        listener.progress(done, total)
        known = done if known is None else known  # what the first call tells was answered before this run
        if known < done < total and clock() >= end:
            raise TimeUp(f"stopped after {minutes:.3g} minutes (--max-minutes)")

    return replace(listener, progress=progress)
