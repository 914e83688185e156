"""Forward passes side by side on a CPU: every lane computes its own with its share of the threads.

A product of matrices keeps all threads busy; element-wise work, small tiles of attention and the Python between the
products do not. Two passes on one thread each take less time than one after the other on two.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import torch

T = TypeVar("T")
MOST = 8
"""More lanes would need the memory of as many passes."""
AHEAD = 16
"""Passes per lane among which the next is looked for, so that few kept blocks exist at once."""


def lanes_of(device: torch.device) -> int:
    """How many passes to compute at once: on a CPU one per thread, or per few threads of many; one elsewhere."""
    threads = torch.get_num_threads()
    return threads // -(-threads // MOST) if device.type == "cpu" else 1


def in_lanes(
    steps: Sequence[int], parents: Sequence[int], run: Callable[[int], T], lanes: int
) -> Iterator[tuple[int, T]]:
    """(step, run(step)) in the order of ``steps``, each computed after ``parents[step]`` (one of them, or -1).

    ``lanes`` steps are computed at once. What ``run`` raises is raised here.
    """
    if lanes == 1:
        yield from ((step, run(step)) for step in steps)
        return
    with _threads(lanes) as threads, ThreadPoolExecutor(lanes, "lane", torch.set_num_threads, (threads,)) as pool:
        work = _Work(pool, run, parents, list(steps), (AHEAD * lanes, lanes + 1))
        try:
            for step in steps:
                work.start()
                while step not in work.done:
                    work.collect()
                yield step, work.done.pop(step)
        finally:
            pool.shutdown(cancel_futures=True)


def behind(started: Iterable[tuple[int, Callable[[], T]]], lag: int) -> Iterator[tuple[int, T]]:
    """(step, result) of steps that were started, in order, each waited for only when ``lag`` more are under way."""
    waiting: deque[tuple[int, Callable[[], T]]] = deque()
    for one in started:
        waiting.append(one)
        if len(waiting) > lag:
            step, result = waiting.popleft()
            yield step, result()
    for step, result in waiting:
        yield step, result()


@contextmanager
def _threads(lanes: int) -> Iterator[int]:
    """The threads of one lane; afterwards torch has all of them again."""
    before = torch.get_num_threads()
    try:
        yield max(1, before // lanes)
    finally:
        torch.set_num_threads(before)


@dataclass(slots=True)
class _Work(Generic[T]):
    """Steps that wait, those that are under way, and what came of the others."""

    pool: ThreadPoolExecutor
    run: Callable[[int], T]
    parents: Sequence[int]
    waiting: list[int]
    bounds: tuple[int, int]
    """How many of the waiting steps are looked at, and how many may be under way: one of them stands in line."""
    running: dict[Future[T], int] = field(default_factory=dict)
    done: dict[int, T] = field(default_factory=dict)
    over: set[int] = field(default_factory=lambda: {-1})

    def start(self) -> None:
        """Put steps whose parents are over under way, the earliest first."""
        window, most = self.bounds
        for step in self.waiting[:window]:
            if len(self.running) < most and self.parents[step] in self.over:
                self.waiting.remove(step)
                self.running[self.pool.submit(self.run, step)] = step

    def collect(self) -> None:
        """Wait for a step to end, and start what can now start."""
        ended, _ = wait(self.running, return_when=FIRST_COMPLETED)
        for future in ended:
            step = self.running.pop(future)
            self.done[step] = future.result()
            self.over.add(step)
        self.start()
