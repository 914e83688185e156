"""Workers against one: seconds of answering, the share of time that workers were idle, and whether the numbers agree.

    python benchmarks/workers.py smollm2 --work mmlu/abstract_algebra,mmlu/anatomy:40 --work gsm8k:16 --workers 1,2

A work is tasks and, behind a colon, the limit. Every run answers everything anew; the model is loaded by each worker
before the clock starts. On machines where workers share a cache or a memory bus they slow each other down.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import harness
from harness.api import Where
from harness.api.evaluation import planned_tasks, tasks_of
from harness.engine.backend import BatchPlan, Options, agenda_of
from harness.engine.load import load
from harness.run import questions
from harness.types import Question, Settings


def measure(model: str, work: str, workers: int, threads: int) -> dict[str, object]:
    """One run in a store of its own: its seconds, idle share, and its numbers as text."""
    names, _, limit = work.partition(":")
    options = Options(device="cpu", workers=workers, threads=threads)
    with tempfile.TemporaryDirectory() as store:
        result = harness.evaluate(
            model, names.split(","), limit=int(limit) if limit else None, options=options, store=store, cache=False,
            data=os.environ.get("HARNESS_DATA"),
        )  # fmt: skip
    engine = result.run.engine
    keep = ("seconds_answering", "idle_share", "units", "retries", "tokens_computed")
    return {"work": work, "workers": workers, **{name: engine[name] for name in keep}, "numbers": str(result.estimates)}


def questions_of(work: str) -> list[Question]:
    """All questions of a work."""
    names, _, limit = work.partition(":")
    data = os.environ.get("HARNESS_DATA")
    where = Where(data=Path(data) if data else None)
    settings = Settings(limit=int(limit) if limit else None)
    return questions(planned_tasks(tasks_of(names.split(",")), settings, None, where))


def plan_of(model: str, work: str) -> Sequence[BatchPlan]:
    """The batches of a work, planned in this process."""
    return agenda_of(load(model, Options(device="cpu")), questions_of(work)).batches()


def main() -> None:
    """Print a row for each work and number of workers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--work", action="append", required=True, metavar="TASKS[:LIMIT]")
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = []
    print(f"{'work':40} {'workers':>7} {'seconds':>8} {'speed-up':>8} {'idle':>6} {'units':>5} equal")
    for work in given.work:
        own = [measure(given.model, work, int(n), given.threads) for n in given.workers.split(",")]
        for row in own:
            faster = float(str(own[0]["seconds_answering"])) / float(str(row["seconds_answering"]))
            print(
                f"{work:40} {row['workers']:7} {row['seconds_answering']:8.1f} {faster:8.2f} {row['idle_share']:6.1%} "
                f"{row['units']:5.0f} {row['numbers'] == own[0]['numbers']}",
                flush=True,
            )
        rows += own
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
