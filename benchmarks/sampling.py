"""What `--limit N` gives instead of the whole task: the mean of many draws, and how often their intervals hold it.

    python benchmarks/sampling.py --data DIR [--seeds 200] [--limit 30]

A model's answers to a whole task are drawn from again and again, as `harness run --limit N --seed S` chooses, and every
number of a draw is held against that of the whole task. The answers are smollm2's to demo/pronouns, the published ones
of UnifiedQA to BBQ, and to MMLU those of a seeded fake that knows between 25 and 90 % of a subject. "Sorted" is the
same with the rows sorted by what the metric counts and numbered anew, which is the worst that an order can do.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from mirror import add_data
from published import bbq_answers

from harness.api import evaluate
from harness.metrics.estimate import estimate
from harness.plugins import catalogue
from harness.run import judge_one, plan
from harness.store import open_store
from harness.subset import subset
from harness.types import Estimate, Metric, Outcome, Settings

COLUMNS = (
    "task", "number", "examples", "whole", "mean of draws", "covered, %", "sorted: mean", "covered, %",
    "first, as is / sorted",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Whole:
    """A task that was asked whole: the outcomes of each of its datasets, and the numbers that are looked at."""

    task: str
    metrics: tuple[Metric, ...]
    parts: tuple[tuple[Outcome, ...], ...]


@dataclass(frozen=True, slots=True)
class Draws:
    """The values of one number in many draws, and whether each interval held the whole task's value."""

    values: list[float]
    held: list[bool]

    @property
    def mean(self) -> str:
        """The mean with its standard error."""
        return f"{np.mean(self.values):.4f} ± {np.std(self.values, ddof=1) / math.sqrt(len(self.values)):.4f}"

    @property
    def coverage(self) -> str:
        """Intervals that held the whole task's value, of those that there are, in per cent."""
        return f"{100 * np.mean(self.held):.1f}" if self.held else "-"


# ------------------------------------------------------------------------------------------------------------ answers
def wholes(data: Path, scratch: Path) -> Iterator[Whole]:
    """Every task with its answers."""
    yield stored("smollm2", "demo/pronouns", ("prefers_she", "stereotyped", "log_odds_she"), data, scratch)
    for category in ("Age", "Religion"):
        answers = bbq_answers(data, category, scratch / f"{category}.jsonl")
        names = ("acc_amb", "acc_dis", "s_amb", "s_dis")
        yield stored(f"replay:{answers}", f"bbq/{category.lower()}", names, data, scratch)
    yield fake("mmlu/professional_law", data)
    yield fake("mmlu", data)


def stored(model: str, name: str, metrics: Sequence[str], data: Path, scratch: Path) -> Whole:
    """A model's answers by a run of the whole task."""
    store = str(scratch / "store")
    run = evaluate(model, name, store=store, data=data).run
    chosen = tuple(metric for metric in catalogue().tasks[name].metrics if metric.name in metrics)
    return Whole(name, chosen, (tuple(open_store(store).outcomes(run.id, name)),))


def fake(name: str, data: Path) -> Whole:
    """The answers of a model that is right in a share of each dataset's questions, the share drawn by seed."""
    task = catalogue().tasks[name]
    [planned] = plan([task], Settings(shots=0), data)
    draw = random.Random(0)
    parts: dict[str, list[Outcome]] = {}
    rates: dict[str, float] = {}
    for example, requests in zip(planned.examples, planned.requests, strict=True):
        subject = example.slices.get("subject", name)
        rate = rates.setdefault(subject, draw.uniform(0.25, 0.9))
        answer = task.best(example) if draw.random() < rate else task.worst(example)
        parts.setdefault(subject, []).append(judge_one(task, example, requests, answer))
    acc = next(metric for metric in task.metrics if metric.name == "acc")
    return Whole(name, (acc,), tuple(map(tuple, parts.values())))


# -------------------------------------------------------------------------------------------------------------- draws
def number(whole: Whole, metric: Metric, parts: Sequence[Sequence[Outcome]]) -> Estimate:
    return estimate(whole.task, metric, "all", [outcome for part in parts for outcome in part])


def drawn(whole: Whole, parts: Sequence[Sequence[Outcome]], settings: Settings) -> list[list[Outcome]]:
    """The outcomes that a run with these settings would have had."""
    chosen = []
    for part in parts:
        by_id = {outcome.example.id: outcome for outcome in part}
        chosen.append([by_id[e.id] for e in subset([o.example for o in part], settings, whole.task)])
    return chosen


def draws(whole: Whole, metric: Metric, parts: Sequence[Sequence[Outcome]], limit: int, seeds: int) -> Draws:
    """A number in as many draws as there are seeds."""
    truth = number(whole, metric, parts).value
    results = Draws([], [])
    for seed in range(seeds):
        one = number(whole, metric, drawn(whole, parts, Settings(limit=limit, seed=seed)))
        if one.value is not None:
            results.values.append(one.value)
        if one.low is not None and one.high is not None and truth is not None:
            results.held.append(one.low <= truth <= one.high)
    return results


def by_value(metric: Metric, place: int, part: Sequence[Outcome]) -> list[Outcome]:
    """Dataset ``place`` of a task, sorted by what examples give to a metric (nothing: last), and numbered anew."""

    def key(outcome: Outcome) -> tuple[bool, tuple[float, ...]]:
        value = outcome.judged.values.get(metric.name) if outcome.judged else None
        return value is None, value if isinstance(value, tuple) else (value or 0.0,)

    return [replace(o, example=replace(o.example, id=f"{place}/{n}")) for n, o in enumerate(sorted(part, key=key))]


def line(whole: Whole, metric: Metric, limit: int, seeds: int) -> str:
    """One row of the table."""
    ordered = [by_value(metric, place, part) for place, part in enumerate(whole.parts)]
    truth = number(whole, metric, whole.parts).value or 0.0
    first = Settings(limit=limit, limit_order="first")
    firsts = [number(whole, metric, drawn(whole, parts, first)).value for parts in (whole.parts, ordered)]
    here, there = (draws(whole, metric, parts, limit, seeds) for parts in (whole.parts, ordered))
    asked = sum(map(len, drawn(whole, whole.parts, first)))
    cells = [
        whole.task, metric.name, f"{asked:,} of {sum(map(len, whole.parts)):,}", f"{truth:.4f}",
        here.mean, here.coverage, there.mean, there.coverage,
        " / ".join("-" if value is None else f"{value:.4f}" for value in firsts),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data(parser)
    parser.add_argument("--limit", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=200)
    asked = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    with tempfile.TemporaryDirectory() as scratch:
        for whole in wholes(asked.data, Path(scratch)):
            for metric in whole.metrics:
                print(line(whole, metric, asked.limit, asked.seeds), flush=True)


if __name__ == "__main__":
    main()
