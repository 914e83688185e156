"""Measure the store: a million samples written and queried, 2,000 runs x 100 metrics listed and ranked.

python benchmarks/store.py [--samples 1000000] [--runs 2000] [--url postgresql+psycopg://...]

Without --url the runs go into SQLite and, where its programs are installed, into a PostgreSQL server made for this.
Prints one line per measurement: what, seconds (the median of five for queries), the bound that it is held to.
Exits with 1 if a bound is broken.
"""

import argparse
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import overload

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

import postgres

from harness.store import Store, open_store
from harness.store.queries import leaderboard
from harness.store.queries.leaderboard import LeaderboardFilter
from harness.types import Card, Choose, Chosen, Estimate, Example, Judged, MetricRecord, Outcome, Run, TaskRecord

WORDS = [f"word{i}" for i in range(5000)]
CARD = Card(measures="speed", limits="", source="", licence="")


class Outcomes(Sequence[Outcome]):
    """n outcomes that are made when they are asked for: what is measured is the store, not this list."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, i: int) -> Outcome: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Outcome]: ...
    def __getitem__(self, i: int | slice) -> Outcome | Sequence[Outcome]:
        if isinstance(i, slice):
            return [self[k] for k in range(self.n)[i]]
        if not 0 <= i < self.n:
            raise IndexError(i)
        return outcome(i)

    def __iter__(self) -> Iterator[Outcome]:
        return map(outcome, range(self.n))


def outcome(i: int) -> Outcome:
    """A four-way choice with a prompt of 40 words; 70 % are right."""
    draw = random.Random(i)
    prompt = " ".join(draw.choices(WORDS, k=40))
    choices = tuple(" " + " ".join(draw.choices(WORDS, k=3)) for _ in range(4))
    scores = tuple(draw.gauss(-20, 5) for _ in choices)
    right = draw.random() < 0.7
    example = Example(f"example-{i}", {"question": prompt}, i % 4, {"subject": f"s{i % 57}"}, f"c{i // 4}")
    judged = Judged(choices[0], {"acc": float(right), "margin": draw.gauss(0, 1)}, right)
    return Outcome(example, (Choose(prompt, choices),), (Chosen(0, scores, (5, 6, 7, 8)),), judged)


def record(run_id: str, model: str, started: str, tasks: Sequence[str]) -> Run:
    return Run(
        id=run_id, model=model, fingerprint={"weights": model}, settings={"seed": 0}, versions={"torch": "2"},
        command="benchmark", started=started,
        tasks=tuple(
            TaskRecord(
                name=name, version=1, fingerprint=name, data_sha256="0" * 64, data_source="made", n=100, shots=0,
                shots_source="", card=CARD, metrics=(MetricRecord(name="acc"),),
            )
            for name in tasks
        ),
    )  # fmt: skip


def seconds(work: Callable[[], object], times: int = 5) -> tuple[float, float, float]:
    """(first, median of all, median of this process's own CPU time): the first opens files and checks their hash.

    On a machine that does other things as well the CPU time tells what the store itself needs; a database server's
    is not in it.
    """
    taken, own = [], []
    for _ in range(times):
        start, cpu = time.perf_counter(), time.process_time()
        work()
        taken.append(time.perf_counter() - start)
        own.append(time.process_time() - cpu)
    return taken[0], statistics.median(taken), statistics.median(own)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Report:
    """Lines of measurements, and whether every bound was kept."""

    def __init__(self) -> None:
        self.broken = 0

    def line(
        self, what: str, value: float, bound: float | None = None, unit: str = "s", cpu: float | None = None
    ) -> None:
        kept = bound is None or value < bound
        self.broken += not kept
        held = "" if bound is None else f"  (bound {bound:g} {unit}: {'kept' if kept else 'BROKEN'})"
        own = "" if cpu is None else f"  cpu {cpu:.3f} s"
        print(f"{what:66} {value:9.3f} {unit}{own}{held}", flush=True)


def measure_samples(report: Report, folder: Path, n: int) -> None:
    store = open_store(str(folder / "samples-store"))
    run = record("big", "m", "2026-01-01T00:00:00+00:00", ["t"])
    store.start(run)
    start = time.perf_counter()
    store.finish(run, {"t": Outcomes(n)}, [])
    report.line(f"{n:,} samples written", time.perf_counter() - start)
    report.line("size of the file", store.artifact("big", "t").bytes / 2**20, unit="MiB")
    report.line("peak memory after writing", peak_mb(), 1000, "MB")
    del store
    pages = {
        "first page of 200, correct = false": {"where": "correct = false"},
        "page 50 of them": {"where": "correct = false", "offset": 10_000},
        "200 of one slice": {"where": "slice.subject = 's7' and value.margin > 1"},
        "200 whose prompt has a word": {"where": "prompt like '% word77 %'"},
        # These 200 lie scattered over the whole file, one to a row group, and each group has to be decoded.
        "200 wrong ones sorted by margin": {"where": "correct = false", "sort": "value.margin desc"},
        "a rare condition (about 200 of all)": {"where": "value.margin > 3.54"},
    }
    for what, asked in pages.items():
        store = open_store(str(folder / "samples-store"))  # opened anew: the hash is checked once per opening
        query = lambda asked=asked, store=store: store.samples("big", "t", limit=200, **asked)  # noqa: E731
        first, median, cpu = seconds(query)
        report.line(f"{what}, the first time (sha256 checked)", first)
        report.line(f"{what}", median, 0.5, cpu=cpu)
    report.line("peak memory after querying", peak_mb(), 1000, "MB")


def measure_runs(report: Report, store: Store, name: str, n: int) -> None:
    """n runs of 40 models with 20 tasks x 5 metrics, as they come out of a run."""
    tasks = [f"family{i % 5}/task{i}" for i in range(20)]
    start = time.perf_counter()
    for i in range(n):
        started = f"2026-{1 + i // 672 % 12:02}-{1 + i // 24 % 28:02}T{i % 24:02}:00:00+00:00"
        run = record(f"{i:05}-run", f"model{i % 40}", started, tasks)
        numbers = [
            Estimate(t, f"m{k}", "all", (i + k) % 97 / 97, 0.1, 0.9, 100, 100, 0) for t in tasks for k in range(5)
        ]
        store.finish(run, {}, numbers)
    report.line(f"{name}: {n:,} runs x 100 numbers written", time.perf_counter() - start)
    queries: dict[str, Callable[[], object]] = {
        "list of all runs": store.runs,
        "list of the newest 50": lambda: store.runs(limit=50),
        "one run by the beginning of its id": lambda: store.run(f"{n - 1:05}"),
        "numbers of one run": lambda: store.results(f"{n // 2:05}-run"),
        "leaderboard of everything": lambda: leaderboard.standings(store),
        "leaderboard of one metric": lambda: leaderboard.standings(store, LeaderboardFilter((tasks[3],), ("m2",))),
    }
    for what, query in queries.items():
        _, median, cpu = seconds(query)
        report.line(f"{name}: {what}", median, 0.3, cpu=cpu)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--url", help="an empty database for the runs")
    asked = parser.parse_args()
    report = Report()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="bench-store-"))
        folder.chmod(0o755)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if asked.samples:
            measure_samples(report, folder, asked.samples)
        urls = {"given": asked.url} if asked.url else {"sqlite": str(folder / "runs-store")}
        programs = postgres.programs()
        if not asked.url and programs:
            (folder / "pg").mkdir()
            urls["postgresql"] = stack.enter_context(postgres.running(programs, folder / "pg")).schema("bench")
        elif not asked.url:
            print("postgresql: not measured, there are no programs of it here")
        for name, url in urls.items() if asked.runs else ():
            measure_runs(report, open_store(url, samples=str(folder / f"samples-{name}")), name, asked.runs)
    return 1 if report.broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
