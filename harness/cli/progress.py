"""How far a run is: a bar where there is a terminal, and elsewhere a line every half minute."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from rich.console import Console

EVERY = 30.0
"""Seconds between two lines where there is no terminal."""


@dataclass(slots=True)
class Pace:
    """How many questions are answered, since when, and how fast. ``state``: how workers are doing."""

    unit: str = "questions"
    clock: Callable[[], float] = monotonic
    done: int = 0
    total: int = 0
    state: str = ""
    _first: tuple[float, int] | None = None
    _begun: float = field(init=False)

    def __post_init__(self) -> None:
        """The clock starts."""
        self._begun = self.clock()

    def __call__(self, done: int, total: int) -> None:
        """``done`` of ``total`` questions are answered; those of the first call were known before."""
        if self._first is None:
            self._first = self.clock(), done
        self.done, self.total = done, total

    def tell(self, state: str) -> None:
        """How workers are doing."""
        self.state = state

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning, loading included."""
        return self.clock() - self._begun

    def rate(self) -> float | None:
        """Questions a second since the first was asked; None before one is answered."""
        if self._first is None or self.done <= self._first[1]:
            return None
        return (self.done - self._first[1]) / max(self.clock() - self._first[0], 1e-9)

    def left(self) -> float | None:
        """Seconds until all are answered if it goes on like this."""
        rate = self.rate()
        return None if rate is None else (self.total - self.done) / rate

    def ahead(self) -> str:
        """``3.5 a second, about 1 min 20 s left, 3 workers, 4% idle``; empty before that is known and at the end."""
        rate, left = self.rate(), self.left()
        if rate is None or left is None or self.done >= self.total:
            return ""
        return ", ".join(filter(None, (f"{rate:.3g} a second, about {spoken(left)} left", self.state)))

    def words(self) -> str:
        """Everything in one line."""
        if not self.total:
            return f"loading, {spoken(self.elapsed)}"
        share = f"{self.done:,} of {self.total:,} {self.unit}"
        return ", ".join(filter(None, (share, spoken(self.elapsed), self.ahead())))


def spoken(seconds: float) -> str:
    """``45 s``, ``1 min 20 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


@contextmanager
def progress_bar(
    title: str, *, quiet: bool, unit: str = "questions", stream: TextIO | None = None, every: float = EVERY
) -> Iterator[Pace]:
    """What to call with (units done, units in all), shown on standard error unless ``quiet``."""
    pace = Pace(unit)
    if quiet:
        yield pace
        return
    from rich.console import Console

    console = Console(file=stream, stderr=stream is None)
    if console.is_terminal:
        with _bar(title, pace, console):
            yield pace
    else:
        with _lines(title, pace, stream or sys.stderr, every):
            yield pace


@contextmanager
def _bar(title: str, pace: Pace, console: Console) -> Iterator[None]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.text import Text

    class Told(ProgressColumn):
        """Looks at the pace whenever the bar is drawn, so that clock and bar move between two batches."""

        def render(self, task: Task) -> Text:
            if pace.total and (task.total, task.completed) != (pace.total, pace.done):
                bar.update(task.id, description=title, completed=pace.done, total=pace.total)
            return Text(", ".join(filter(None, (spoken(pace.elapsed), pace.ahead()))))

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Told())
    bar = Progress(*columns, console=console)
    with bar:
        task = bar.add_task(f"{title}: loading", total=None)
        yield
        if pace.total:
            bar.update(task, description=title, completed=pace.done, total=pace.total)


@contextmanager
def _lines(title: str, pace: Pace, stream: TextIO, every: float) -> Iterator[None]:
    over = Event()

    def tell() -> None:
        while not over.wait(every):
            click.echo(f"harness: {title}: {pace.words()}", file=stream)

    teller = Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
