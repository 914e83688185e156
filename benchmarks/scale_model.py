"""How long a run takes on many workers, and what gives way first: a model of the dispatch, to plan with on paper.

    python benchmarks/scale_model.py --rate 2500 --tokens 1024 --load 5        # tokens a second of one worker
    python benchmarks/scale_model.py --check smollm2 --work mmlu/anatomy:40    # against runs of 1, 2 and 4 workers
    python benchmarks/scale_model.py --check asleep                            # the same with workers that only sleep
    python benchmarks/scale_model.py --messages --work mmlu/anatomy            # bytes of a question on its way

The model hands the units of a plan, the most expensive first, to whoever is free, as the dispatch does. A worker needs
its load time, its tokens at its rate and a round trip per unit; the driver writes one batch after the other, each in
the time measured on this disk. Not in the model: workers that slow each other down, deaths, and nodes that join.
"""

import argparse
import heapq
import tempfile
import tracemalloc
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, sleep

from harness.answers.journal import Journal
from harness.engine.backend import Agenda, Batch, BatchPlan, Options
from harness.engine.division import units
from harness.engine.scaled.dispatch import Dispatch
from harness.engine.scaled.driver import open_scaled
from harness.engine.scaled.messages import pack_batch, pack_questions, unpack_batch, unpack_questions
from harness.types import Choose, Chosen, ModelInfo, Question

ROUND_TRIP = 0.004
"""Seconds between a worker's last batch of a unit and its next unit: two calls of Ray on one machine."""
SHARED, OWN = 700, 100
"""Tokens that the questions of a task share, and of each alone."""
CHOICES = Chosen(2, (-1.25, -2.5, -0.75, -3.125), (1, 1, 1, 1))


@dataclass(frozen=True)
class Machine:
    """Tokens a second of a worker, its load time, seconds that the driver spends on a batch."""

    rate: float
    load: float
    append: float


@dataclass(frozen=True)
class Forecast:
    """Seconds from the start and of answering alone, the share of idle time, and that of the driver's busy time."""

    seconds: float
    answering: float
    idle: float
    driver: float


def forecast(batches: Sequence[BatchPlan], workers: int, machine: Machine) -> Forecast:
    """Play a run through."""
    free = [(0.0, number) for number in range(workers)]
    busy = driver = end = 0.0
    for unit in units(batches, workers):
        start, number = heapq.heappop(free)
        now = start + ROUND_TRIP + max((batch.shared for batch in unit.batches), default=0.0) / machine.rate
        for batch in unit.batches:
            now += batch.cost / machine.rate
        busy += now - start - ROUND_TRIP
        driver += machine.append * len(unit.batches)
        end = max(end, now)
        heapq.heappush(free, (now, number))
    end = max(end, driver)  # what the driver has not yet written when the last worker is done
    return Forecast(machine.load + end, end, 1.0 - busy / (workers * end), min(1.0, driver / end))


def append_seconds(questions: int, folder: Path, count: int = 200) -> float:
    """Seconds for the driver to take one batch of so many questions and have it on the disk."""
    packed = pack_batch([(i, CHOICES) for i in range(questions)])
    with Journal.open(folder / "journal", {"identity": "x", "total": 0}) as journal:
        started = perf_counter()
        for _ in range(count):
            journal.append(unpack_batch(packed))
        return (perf_counter() - started) / count


def work(questions: int, tasks: int, prefix: int, own: int, per_batch: int) -> list[BatchPlan]:
    """Batches of ``per_batch`` tokens: ``tasks`` blocks of ``prefix`` tokens, each with questions of ``own`` tokens."""
    count_each, each = max(1, per_batch // own), questions // tasks
    plans = []
    for task in range(tasks):
        for first in range(0, each, count_each):
            count = min(count_each, each - first)
            plans.append(BatchPlan((task * each + first,) * count, float(count * own), task, float(prefix)))
    return plans


def tables(machine: Machine, per_batch: int) -> None:
    """Forecasts of two works for 1 to 512 workers."""
    rate, load, append = machine.rate, machine.load, machine.append
    sizes = {"MMLU: 14,042 questions, 57 tasks": (14_042, 57), "10,000,000 questions, 1,000 tasks": (10_000_000, 1_000)}
    print(f"{rate:,.0f} tokens/s a worker, batches of {per_batch:,} tokens, {load:g} s to load")
    print(f"{append * 1e3:.2f} ms to journal a batch")
    for name, (questions, tasks) in sizes.items():
        batches = work(questions, tasks, SHARED, OWN, per_batch)
        print(f"{name}: {len(batches):,} batches\n{'workers':>9} {'seconds':>9} {'idle':>7} {'driver busy':>12}")
        for workers in (1, 8, 64, 512):
            planned = forecast(batches, workers, machine)
            print(f"{workers:9} {planned.seconds:9,.0f} {planned.idle:7.1%} {planned.driver:12.1%}")
    print(f"the journal is written without a pause by {per_batch / rate / append:,.0f} workers or more")


class Sleeper:
    """A model that sleeps for as long as tokens at ``PACE`` take; it shows the dispatch on a machine of any load."""

    PACE = 250.0

    def __init__(self) -> None:
        self.info = ModelInfo("sleeper", {}, frozenset({Choose}))

    def plan(self, questions: Sequence[Question]) -> Agenda:
        """Four tasks; batches of ten questions."""
        plans = work(len(questions), 4, 100, 10, 100)
        batches = [replace(b, positions=tuple(range(b.positions[0], b.positions[0] + len(b.positions)))) for b in plans]
        return Agenda(lambda: batches, lambda done: self._batches(batches, done))

    def _batches(self, batches: Sequence[BatchPlan], done: Container[int]) -> Iterator[Batch]:
        todo = [batch for batch in batches if any(position not in done for position in batch.positions)]
        sleep(max((batch.shared for batch in todo), default=0.0) / self.PACE)
        for batch in todo:
            sleep(batch.cost / self.PACE)
            yield [(position, CHOICES) for position in batch.positions]

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """See Backend."""
        return self.plan(questions).answer(done)

    def stats(self) -> dict[str, float | str]:
        """Nothing is counted."""
        return {}


def check_asleep() -> None:
    """Forecasts and real runs of 1, 2 and 4 workers that sleep, all of them started before the clock is."""
    questions = [Question("sleep", str(i), 0, Choose(f"{i}", ("a", "b"))) for i in range(400)]
    batches = Sleeper().plan(questions).batches()
    for workers in (4, 2, 1):  # the first has the cluster made large enough for all
        options = Options(workers=workers, threads=1, device="cpu")
        backend = open_scaled("asleep", options, lambda spec, options: Sleeper())
        while any(member.report is None for member in backend.crew.members):
            list(Dispatch(backend.crew, b"").step())
        answered = sum(len(batch) for batch in backend.answer(questions))
        assert answered == len(questions)
        real = float(backend.stats()["seconds_answering"])
        seconds = forecast(batches, workers, Machine(Sleeper.PACE, 0.0, 0.0)).answering
        print(f"{workers} workers: {seconds:.1f} s forecast, {real:.1f} s real ({seconds / real - 1:+.0%})", flush=True)


def messages(asked: str) -> None:
    """Print the bytes and seconds that a question takes on its way from the driver to a worker."""
    from workers import questions_of

    questions = questions_of(asked)
    packed = pack_questions(questions)
    started = perf_counter()
    unpack_questions(packed)
    seconds = perf_counter() - started
    tracemalloc.start()
    kept = unpack_questions(packed)
    each, memory = len(kept), tracemalloc.get_traced_memory()[0]
    print(
        f"{each:,} questions of {asked}: each {len(packed) / each:,.0f} bytes packed, {memory / each:,.0f} bytes in the"
    )
    print(f"memory of driver and workers, {seconds / each * 1e6:,.0f} microseconds to unpack")


def main() -> None:
    """Print the tables, or hold the model against real runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=2500.0)
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--load", type=float, default=5.0)
    parser.add_argument("--append", type=float, help="Seconds to journal a batch [measured].")
    parser.add_argument("--check", metavar="MODEL")
    parser.add_argument("--work", default="mmlu/anatomy:40", metavar="TASKS[:LIMIT]")
    parser.add_argument("--messages", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.messages:
            messages(given.work)
        elif given.check == "asleep":
            check_asleep()
        elif given.check:
            check(given.check, given.work, Path(folder))
        else:
            append = given.append or append_seconds(max(1, given.tokens // OWN), Path(folder))
            tables(Machine(given.rate, given.load, append), given.tokens)


def check(model: str, asked: str, folder: Path) -> None:
    """The rate of one worker, then forecasts and real runs of 1, 2 and 4 workers of one thread each."""
    from workers import measure, plan_of

    batches, append = plan_of(model, asked), append_seconds(10, folder)
    rate = None
    for workers in (1, 2, 4):
        real = float(str(measure(model, asked, workers, 1)["seconds_answering"]))
        rate = rate or sum(unit.cost for unit in units(batches, 1)) / real
        seconds = forecast(batches, workers, Machine(rate, 0.0, append)).answering
        print(f"{workers} workers: {seconds:.1f} s forecast, {real:.1f} s real ({seconds / real - 1:+.0%})", flush=True)


if __name__ == "__main__":
    main()
