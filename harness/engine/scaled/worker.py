"""One worker: it opens the model from its own disk, plans over all questions, and computes the units it is given.

Whatever computes does so in one thread of its own; a call only starts work or fetches what is ready. So a worker
answers at once whatever it is at, and one that does not answer is taken for dead.
"""

import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition
from time import perf_counter

from harness.engine.backend import Agenda, Backend, Options, agenda_of
from harness.engine.costs import Costs
from harness.engine.division import Outside
from harness.engine.scaled.messages import Trouble, digest_of, pack_batch, pack_plan, unpack_questions

Opener = Callable[[str, Options], Backend]
"""Opens the model that a name stands for, in the process that calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a worker is. All of ``must_equal`` is the same for all workers of a run."""

    name: str
    host: str
    node: str
    pid: int
    must_equal: Mapping[str, str]
    fingerprint: Mapping[str, str]
    answers: tuple[str, ...]
    context: int | None
    pinned: bool
    notices: tuple[str, ...]
    parameters: int | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a worker has to tell: finished batches (packed) after those that the driver has, and how it stands.

    ``idle``: nothing is left of what it was given. ``busy``: seconds that it has computed.
    """

    batches: Sequence[bytes] = ()
    idle: bool = False
    busy: float = 0.0
    costs: Costs = field(default_factory=dict)
    error: Trouble | None = None
    exhausted: bool = False


class Worker:
    """The methods that a driver calls; none of them raises for what the model does, and none computes."""

    def __init__(self, spec: str, options: Options, opener: Opener, threads: int, folder: str) -> None:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # before torch is imported
        if Path(folder).is_dir():
            os.chdir(folder)
        self._threads = threads
        self._pool = ThreadPoolExecutor(1, "compute")
        self._changed = Condition()
        self._ready: list[bytes] = []
        self._sent = 0
        self._idle, self._busy, self._since = True, 0.0, 0.0
        self._error: Trouble | None = None
        self._exhausted = False
        self._agenda: Agenda | None = None
        self._opened = self._pool.submit(_opened, opener, spec, options, threads)

    def report(self) -> Identity | Trouble:
        """Who this worker is, once the model is open; or why it is not."""
        try:
            backend = self._opened.result()
        except Exception as error:
            return Trouble.of(error)
        info = backend.info
        return Identity(
            name=info.name,
            host=socket.gethostname(),
            node=_node(),
            pid=os.getpid(),
            must_equal={**info.fingerprint, **_surroundings(info.pinned, self._threads)},
            fingerprint=dict(info.fingerprint),
            answers=tuple(sorted(kind.__name__ for kind in info.answers)),
            context=info.context,
            pinned=info.pinned,
            notices=info.notices,
            parameters=info.parameters,
        )

    def plan(self, packed: bytes, whole: bool) -> tuple[str, bytes] | Trouble:
        """Plan over all questions: the digest of the plan and, if ``whole``, its batches."""
        return self._pool.submit(self._plan, packed, whole).result()

    def _plan(self, packed: bytes, whole: bool) -> tuple[str, bytes] | Trouble:
        try:
            self._agenda = agenda_of(self._opened.result(), unpack_questions(packed))
            batches = self._agenda.batches()
        except Exception as error:
            return Trouble.of(error)
        return digest_of(batches), pack_plan(batches) if whole else b""

    def compute(self, positions: Sequence[int], seen: int, seconds: float) -> Delivery:
        """Begin with a unit, then ``deliver``. One call, since two may arrive in any order."""
        self._idle, self._since = False, perf_counter()
        self._pool.submit(self._compute, positions)
        return self.deliver(seen, seconds)

    def _compute(self, positions: Sequence[int]) -> None:
        assert self._agenda is not None
        try:
            for batch in self._agenda.answer(Outside(positions)):
                packed = pack_batch(batch)
                with self._changed:
                    self._ready.append(packed)
                    self._changed.notify_all()
        except Exception as error:
            self._error, self._exhausted = Trouble.of(error), _out_of_memory(error)
        with self._changed:
            self._busy += perf_counter() - self._since
            self._idle = True
            self._changed.notify_all()

    def deliver(self, seen: int, seconds: float) -> Delivery:
        """Batches after the first ``seen``, as soon as there is one, the worker is idle or ``seconds`` are over."""
        with self._changed:
            self._ready = self._ready[seen - self._sent :]
            self._sent = seen
            self._changed.wait_for(lambda: self._ready or self._idle, seconds)
            costs = dict(self._opened.result().stats()) if self._idle else {}
            busy = self._busy + (0.0 if self._idle else perf_counter() - self._since)
            return Delivery(tuple(self._ready), self._idle, busy, costs, self._error, self._exhausted)


def _node() -> str:
    """The id that Ray has given to this node."""
    return str(sys.modules["ray"].get_runtime_context().get_node_id()) if "ray" in sys.modules else ""


def _opened(opener: Opener, spec: str, options: Options, threads: int) -> Backend:
    """The model, opened in the thread that will compute: torch keeps a number of threads for each."""
    backend = opener(spec, options)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    return backend


def _surroundings(pinned: bool, threads: int) -> dict[str, str]:
    if not pinned:  # whoever computes is elsewhere
        return {}
    from harness.engine.device import surroundings

    return surroundings(threads)


def _out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError) or "torch" not in sys.modules:
        return isinstance(error, MemoryError)
    from harness.engine.budget import out_of_memory

    return out_of_memory(error)
