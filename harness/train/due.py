"""When a model under training is asked: every so many steps, epochs, tokens or seconds, within a share of the time."""

from dataclasses import dataclass, fields
from math import floor, inf

from harness.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """One of ``steps``, ``epochs``, ``tokens`` and ``seconds``: how much training lies between two evaluations.

    ``share``: at most this share of the time since training began goes to evaluations; one that would exceed it waits.
    Raises UsageError for none or several of them, and for numbers out of range.
    """

    steps: int | None = None
    epochs: float | None = None
    tokens: int | None = None
    seconds: float | None = None
    share: float = 1.0

    def __post_init__(self) -> None:
        """Raises UsageError."""
        units = [f.name for f in fields(self)][:-1]
        named = {name: getattr(self, name) for name in units if getattr(self, name) is not None}
        if len(named) != 1:
            raise UsageError(f"Every takes exactly one of {', '.join(units)}, not {', '.join(named) or 'none'}")
        for name, value in named.items():
            if not 0 < value < inf:
                raise UsageError(f"Every({name}={value}): not a number above 0")
        if not 0 < self.share <= 1:
            raise UsageError(f"Every(share={self.share}): not a number above 0 and at most 1")

    @property
    def by_clock(self) -> bool:
        """Whether two processes that count the same steps may still disagree about when it is time."""
        return self.seconds is not None or self.share < 1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is; ``seconds`` on any clock that does not go back."""

    steps: int
    epochs: float
    tokens: int
    seconds: float


class Clock:
    """Tells when the next evaluation is due, from what the last ones took."""

    def __init__(self, every: Every, start: Progress) -> None:
        self.every = every
        self._began = start.seconds
        self._periods = self._period(start)
        self._spent = self._longest = 0.0

    def due(self, now: Progress) -> bool:
        """Whether an evaluation is to begin; a period that was missed is made up for once."""
        if self._period(now) <= self._periods:
            return False
        elapsed = now.seconds - self._began
        return self._spent + self._longest <= self.every.share * (elapsed + self._longest)

    def took(self, seconds: float, now: Progress) -> None:
        """An evaluation is over that took so long."""
        self._periods = self._period(now)
        self._spent += seconds
        self._longest = max(self._longest, seconds)

    def _period(self, at: Progress) -> int:
        every = self.every
        if every.steps is not None:
            return at.steps // every.steps
        if every.epochs is not None:
            return floor(at.epochs / every.epochs + 1e-9)
        if every.tokens is not None:
            return at.tokens // every.tokens
        return floor((at.seconds - self._began) / (every.seconds or inf))
