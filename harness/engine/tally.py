"""What answering has cost so far, counted in the same units by every backend."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from threading import Lock
from time import perf_counter
from typing import Literal, TypeVar

import torch

from harness.engine.budget import peak_memory

T = TypeVar("T")
Stage = Literal["tokenise", "plan", "compute"]


@dataclass(slots=True)
class Tally:
    """Tokens and seconds.

    ``asked``: tokens that the questions hold, each as often as somebody asks for it. ``computed``: tokens that went
    through the model, padding among them. ``padding``: of these the ones that mean nothing. ``logits``: tokens whose
    logits were read. ``pairs``: pairs of a token and one that it attends to. ``cut``: prompts that lost their start.
    """

    asked: int = 0
    computed: int = 0
    padding: int = 0
    logits: int = 0
    pairs: int = 0
    cut: int = 0
    tokenise: float = 0.0
    plan: float = 0.0
    compute: float = 0.0
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def add(self, **more: int) -> None:
        """Count ``more`` of any of the fields; several threads may do so at once."""
        with self._lock:
            for name, value in more.items():
                setattr(self, name, getattr(self, name) + value)

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """The seconds of the block belong to ``stage``."""
        started = perf_counter()
        try:
            yield
        finally:
            setattr(self, stage, getattr(self, stage) + perf_counter() - started)

    def timing(self, batches: Iterator[T]) -> Iterator[T]:
        """The same batches; the seconds that each takes to arrive are computing, those in between are not."""
        missing = object()
        while True:
            with self.timed("compute"):
                batch = next(batches, missing)
            if batch is missing:
                return
            yield batch  # type: ignore[misc]

    def __add__(self, other: "Tally") -> "Tally":
        """Both together."""
        names = [one.name for one in fields(self) if one.init]
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def stats(self, path: str, device: torch.device, load_seconds: float) -> dict[str, float | str]:
        """As a backend reports it: tokens, seconds, peak memory in bytes; padding as a share of what was computed."""
        return {
            "path": path,
            "tokens_asked": float(self.asked),
            "tokens_computed": float(self.computed),
            "share_saved": 1.0 - (self.computed - self.padding) / self.asked if self.asked else 0.0,
            "padding": self.padding / self.computed if self.computed else 0.0,
            "prompts_cut": float(self.cut),
            "seconds_compute": self.compute,
            "seconds_load": load_seconds,
            "seconds_tokenise": self.tokenise,
            "tokens_per_second": self.computed / self.compute if self.compute else 0.0,
            "peak_memory": float(peak_memory(device)),
        }
