"""Samples of a run as the pages show them: filtered and paged, one of them in full."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.errors import HarnessError, UsageError
from harness.marks import signed
from harness.store import Store
from harness.store.queries import questions, results
from harness.store.queries.questions import gold_of, outcome
from harness.store.queries.results import ResultFilter
from harness.store.queries.samples import SampleFilter, condition
from harness_dashboard.widgets.text import CELL, harmless

PAGE = 200
"""The most samples that travel to a browser at once."""

MOST, READ = 100_000, 2_000
"""The most samples of a download, and how many of them are read at once."""

FLIPPED = 200
"""The most flipped examples that are listed."""

COLUMNS = ("example_id", "correct", "prompt", "prediction", "target", "fields", "requests", "failure_kind")
"""What the table of samples is made from, beside the values; one sample shows everything."""


@dataclass(frozen=True, slots=True)
class SamplePage:
    """One page of samples as they are shown, their examples as they are called, and whether more follow."""

    frame: pd.DataFrame
    examples: tuple[str, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class SamplePages:
    """The samples of a task that fit ``where`` (SQL), by pages: ``columns`` of each, prompts without ``preamble``."""

    store: Store
    run: str
    task: str
    where: str | None
    columns: Sequence[str]
    preamble: str

    def page(self, number: int, size: int) -> SamplePage:
        """Page ``number`` (from 0) of ``size`` samples, read in SQL."""
        frame = self.store.samples(self.run, self.task, self.where, None, size + 1, max(number, 0) * size, self.columns)
        shown = frame.head(size)
        table = harmless(_table(shown, self.preamble))
        return SamplePage(table, tuple(map(str, shown["example_id"])), len(frame) > size)


def counts(store: Store, run: str, task: str) -> dict[str, int]:
    """How many samples there are in all, and of each outcome."""
    frame = store.samples(run, task, columns=["correct", "failure_kind"])
    failed = frame["failure_kind"].notna()
    correct = frame["correct"][~failed]
    return {
        "all": len(frame),
        "wrong": int((correct == False).sum()),  # noqa: E712, of three values
        "right": int((correct == True).sum()),  # noqa: E712
        "failed": int(failed.sum()),
    }


def flipped(store: Store, run: str, baseline: str, task: str) -> dict[str, str]:
    """Examples that are right in one run and wrong in the other: id -> "broken" or "fixed", the broken first."""
    columns = ["example_id", "correct"]
    try:
        old, new = (store.samples(name, task, columns=columns).dropna(subset=["correct"]) for name in (baseline, run))
    except HarnessError:  # the baseline has not the task, or its samples are lost
        return {}
    both = new.merge(old, on="example_id", suffixes=("", "_before"))
    changed = both[both["correct"] != both["correct_before"]].sort_values("correct", kind="stable")
    pairs = zip(changed["example_id"], changed["correct"], strict=True)
    return {str(example): "fixed" if right else "broken" for example, right in pairs}


def columns_of(store: Store, run: str, task: str) -> list[str]:
    """The columns that this task's samples have."""
    return [str(column) for column in store.samples(run, task, limit=1).columns]


def slices_of(store: Store, run: str, task: str) -> list[str]:
    """The slices that this task has numbers of in the run, beside all examples."""
    place = results.COLUMNS.index("slice")
    return sorted({row[place] for row in results.table(store, ResultFilter([run], task=task))} - {"all"})


def page(store: Store, run: str, task: str, wanted: SampleFilter, number: int = 0, size: int = 50) -> SamplePage:
    """Page ``number`` (from 0) of the samples that fit, read in SQL; never more than PAGE rows."""
    if not 1 <= size <= PAGE:
        raise UsageError(f"page size {size}; valid: 1 to {PAGE}")
    return pages_of(store, run, task, wanted).page(number, size)


def everything(
    store: Store, run: str, task: str, wanted: SampleFilter, most: int = MOST, size: int = READ
) -> pd.DataFrame:
    """The first samples that fit, for a download; read in pages, so that whole samples are never held together."""
    parts, pages = [], pages_of(store, run, task, wanted)
    for number in range(most // size):
        parts.append(pages.page(number, size))
        if not parts[-1].more:
            break
    return pd.concat([part.frame for part in parts], ignore_index=True)


def pages_of(store: Store, run: str, task: str, wanted: SampleFilter) -> SamplePages:
    """The pages of the samples that fit."""
    known = columns_of(store, run, task)
    shown = [*COLUMNS, *(c for c in known if c.startswith("value."))]
    return SamplePages(store, run, task, condition(wanted, known), shown, questions.preamble(store, run, task))


def matching(store: Store, run: str, task: str, wanted: SampleFilter) -> int:
    """How many samples fit."""
    where = condition(wanted, columns_of(store, run, task))
    return len(store.samples(run, task, where, columns=["example_id"]))


def _table(frame: pd.DataFrame, shared: str) -> pd.DataFrame:
    """Rows for reading: the question without what all prompts begin with, gold as text."""
    rows = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    values = [column for column in frame.columns if str(column).startswith("value.")]
    cells = [
        (row["example_id"], _signed(outcome(row)), _question(row["prompt"], shared), row["prediction"], gold_of(row))
        for row in rows
    ]
    table = pd.DataFrame(cells, columns=["example", "outcome", "question", "answer", "gold"])
    return pd.concat([table, frame[values].rename(columns=lambda name: str(name).removeprefix("value."))], axis=1)


def _signed(outcome: str) -> str:
    """An outcome with its sign: ``▼ wrong``."""
    kind, colon, why = outcome.partition(":")
    return signed(kind) + colon + why


def _question(prompt: object, shared: str) -> str | None:
    return questions.question(prompt, shared, CELL) if isinstance(prompt, str) else None


def failures(store: Store, run: str, tasks: Sequence[str]) -> dict[str, str]:
    """How many examples of each task failed in which way ("3 server, 2 unparsed"); nothing on lost samples."""
    counts = {}
    for task in tasks:
        with suppress(HarnessError):
            kinds = store.samples(run, task, condition(SampleFilter("failed")), columns=["failure_kind"])[
                "failure_kind"
            ]
            counts[task] = ", ".join(f"{n:,} {kind}" for kind, n in kinds.value_counts().items())
    return {task: words for task, words in counts.items() if words}


def one(store: Store, run: str, task: str, example: str) -> dict[str, Any] | None:
    """Everything about one sample; None if there is no such example."""
    frame = store.samples(run, task, condition(SampleFilter(examples=(example,))), limit=1)
    return None if frame.empty else {str(k): v for k, v in frame.iloc[0].items()}


def before(store: Store, baseline: str, task: str, example: str) -> dict[str, Any] | None:
    """The same sample of a baseline; None where it has none, or its samples are lost."""
    with suppress(HarnessError):
        return one(store, baseline, task, example)
    return None


def choices(sample: Mapping[str, Any]) -> pd.DataFrame:
    """The choices of a sample with log-probabilities: text, probability among them in %, picked or gold, and more.

    Empty for a sample without choices or of a model that gave no log-probabilities.
    """
    rows = [
        (c.part, c.text, math.nan if c.share is None else 100 * c.share,
         ", ".join(["picked"] * c.picked + ["gold"] * c.gold), c.logprob, c.tokens)
        for c in questions.choices(sample)
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["part", "choice", "probability", "mark", "logprob", "tokens"])
    return harmless(table if table["part"].nunique() > 1 else table.drop(columns="part"))
