"""The driver of a run's workers, which a run sees as one more model.

It asks one worker for the plan, cuts it into units, and hands them out, the dearest first. What a worker has finished
goes to the journal batch by batch; what a lost worker has not finished goes to another. Work may be done twice, but the
first answer to a question is the one that counts, and every question has one.
"""

import weakref
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic

from harness import types
from harness.engine.backend import Agenda, Batch, Options
from harness.engine.costs import summed
from harness.engine.scaled import cluster
from harness.engine.scaled.crew import Crew, Patience
from harness.engine.scaled.dispatch import Dispatch
from harness.engine.scaled.messages import pack_questions
from harness.engine.scaled.worker import Opener
from harness.engine.source import ELSEWHERE
from harness.errors import UsageError
from harness.types import ModelInfo, Question

PATIENCE = Patience()


def open_scaled(spec: str, options: Options, opener: Opener, patience: Patience = PATIENCE) -> "Scaled":
    """Workers for the model that ``spec`` names, each of which opens it by ``opener`` with the other options.

    Raises UsageError for a model that is no local one; what a worker raises when the model does not load.
    """
    scheme = spec.partition(":")[0]
    if scheme in ELSEWHERE:
        raise UsageError(f"--workers and --ray are for local models, not {scheme}:; a server takes --concurrency")
    if options.device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"device {options.device!r}: every worker has a card of its own; valid: auto, cpu, cuda")
    size = cluster.connect(options.ray, options.workers, options.threads, options.device)
    alone = replace(options, workers=None, ray=None, threads=None)
    return Scaled(partial(Crew, spec, alone, opener, size, patience))


class Scaled:
    """Many workers behind the seam: ended when a run has all its answers, started again for another.

    ``crew``: the workers. ``info`` names no device: none of them need be on this machine.
    """

    def __init__(self, start: Callable[[], Crew]) -> None:
        self._start = start
        self._work: Dispatch | None = None
        self._seconds = 0.0
        self.crew = self._open()
        report = next(member.report for member in self.crew.members if member.report)
        kinds = frozenset(getattr(types, name) for name in report.answers)
        self.info = ModelInfo(
            report.name,
            report.fingerprint,
            kinds,
            report.context,
            report.pinned,
            report.notices,
            parameters=report.parameters,
        )

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """See Backend."""
        return self.plan(questions).answer(done)

    def plan(self, questions: Sequence[Question]) -> Agenda:
        """See Planner. The plan is a worker's: the driver holds neither weights nor tokenizer."""
        if self.crew.closed:
            self.crew = self._open()
        self.crew.begin_anew()
        work = self._work = Dispatch(self.crew, pack_questions(questions))
        try:
            while work.batches is None:
                for _ in work.step():
                    pass
        except BaseException:
            self.crew.close()
            raise
        batches = work.batches
        return Agenda(lambda: batches, lambda done: self._answers(work, done))

    def state(self) -> str:
        """See ``Crewed``."""
        workers = int(self._workers())
        return f"{workers} worker{'s' * (workers != 1)}, {self._idle_share():.0%} idle"

    def _workers(self) -> float:
        return float(self.crew.started - (self._work.counts["workers_lost"] if self._work else 0))

    def _idle_share(self) -> float:
        present = self.crew.present()
        return 1.0 - self.crew.busy() / present if present else 0.0

    def stats(self) -> Mapping[str, float | str]:
        """What all workers have cost together, how they were used, and what each node was."""
        counts = self._work.counts if self._work else Counter[str]()
        return {
            **summed(list(self.crew.costs.values())),
            "workers": self._workers(),
            "units": float(counts["units"]),
            "retries": float(counts["retries"]),
            "workers_lost": float(counts["workers_lost"]),
            "idle_share": self._idle_share(),
            "seconds_answering": self._seconds,
            "nodes": "; ".join(self.crew.nodes()),
        }

    def _answers(self, work: Dispatch, done: Container[int]) -> Iterator[Batch]:
        started = monotonic()
        try:
            yield from work.batches_of(done)
        finally:
            self._seconds += monotonic() - started
            work.crew.close()

    def _open(self) -> Crew:
        """A crew of which one worker has the model open."""
        crew = self._start()
        weakref.finalize(self, crew.close)
        waiting = Dispatch(crew, b"")
        while not any(member.report for member in crew.members):
            for _ in waiting.step():
                pass
        return crew
