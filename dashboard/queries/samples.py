"""Samples of a run as the pages show them: filtered and paged in SQL, one of them in full; no Streamlit in here."""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.errors import HarnessError, UsageError
from harness.store import Store
from harness_dashboard.widgets.text import harmless

PAGE = 200
"""The most samples that travel to a browser at once."""

MOST, READ = 100_000, 2_000
"""The most samples of a download, and how many of them are read at once."""

COLUMNS = ("example_id", "correct", "prediction", "target", "fields", "failure_kind")
"""What the table of samples is made from, beside the values; one sample shows everything."""

STATES = {"all": "", "right": "correct = true", "wrong": "correct = false", "failed": "failure_kind is not null"}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which samples: ``text`` is looked for in prompt, answer and gold; ``slice`` is "name=value"; ``metric`` lies
    between ``low`` and ``high``."""

    state: str = "all"
    text: str = ""
    slice: str = ""
    metric: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One page of samples, and whether more follow."""

    frame: pd.DataFrame
    more: bool


def columns_of(store: Store, run: str, task: str) -> list[str]:
    """The columns that this task's samples have."""
    return [str(column) for column in store.samples(run, task, limit=1).columns]


def condition(filter: Filter, columns: Sequence[str]) -> str | None:
    """The SQL condition of a filter. What was typed is written as code points: it is a value, never SQL."""
    if filter.state not in STATES:
        raise UsageError(f"filter {filter.state!r}; valid: {', '.join(STATES)}")
    parts = [STATES[filter.state]] if STATES[filter.state] else []
    if filter.text:
        needle = literal(filter.text.lower()[:200])
        parts.append(f"contains(lower(concat_ws(chr(10), prompt, prediction, target)), {needle})")
    if filter.slice:
        name, _, value = filter.slice.partition("=")
        parts.append(f"{_column(f'slice.{name}', columns)} = {literal(value)}")
    if filter.metric:
        column = _column(f"value.{filter.metric}", columns)
        bounds = ((">=", filter.low), ("<=", filter.high))
        parts += [f"{column} {sign} {bound!r}" for sign, bound in bounds if bound is not None and math.isfinite(bound)]
    return " and ".join(parts) or None


def _column(name: str, columns: Sequence[str]) -> str:
    if name not in columns:
        raise UsageError(f"these samples have no {name}")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL expression that is this text, whatever it holds."""
    return f"concat({', '.join(f'chr({ord(c)})' for c in text)})" if text else "''"


def page(store: Store, run: str, task: str, filter: Filter, number: int = 0, size: int = 50) -> Found:
    """Page ``number`` (from 0) of the samples that fit, read in SQL; never more than PAGE rows."""
    if not 1 <= size <= PAGE:
        raise UsageError(f"page size {size}; valid: 1 to {PAGE}")
    return _read(store, run, task, filter, number, size)


def everything(store: Store, run: str, task: str, filter: Filter, most: int = MOST, size: int = READ) -> pd.DataFrame:
    """The first samples that fit, for a download; read in pages, so that whole samples are never held together."""
    parts = []
    for number in range(most // size):
        parts.append(_read(store, run, task, filter, number, size))
        if not parts[-1].more:
            break
    return pd.concat([part.frame for part in parts], ignore_index=True)


def _read(store: Store, run: str, task: str, filter: Filter, number: int, size: int) -> Found:
    known = columns_of(store, run, task)
    shown = [*COLUMNS, *(c for c in known if c.startswith("value."))]
    frame = store.samples(run, task, condition(filter, known), None, size + 1, max(number, 0) * size, shown)
    return Found(harmless(_table(frame.head(size))), len(frame) > size)


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    rows = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    values = [column for column in frame.columns if str(column).startswith("value.")]
    told = [(row["example_id"], outcome(row), row["prediction"], gold_of(row)) for row in rows]
    table = pd.DataFrame(told, columns=["example", "outcome", "answer", "gold"])
    return pd.concat([table, frame[values].rename(columns=lambda name: str(name).removeprefix("value."))], axis=1)


def outcome(sample: Mapping[str, Any]) -> str:
    """A sample's outcome in a word: "right", "wrong", "failed: why", or "judged" where nothing is right or wrong."""
    if isinstance(sample["failure_kind"], str):
        return f"failed: {sample['failure_kind']}"
    correct = sample["correct"]
    return "judged" if correct is None or pd.isna(correct) else "right" if correct else "wrong"


def failures(store: Store, run: str, tasks: Sequence[str]) -> dict[str, str]:
    """How many examples of each task failed in which way ("3 server, 2 unparsed"); nothing on lost samples."""
    found = {}
    for task in tasks:
        with suppress(HarnessError):
            kinds = store.samples(run, task, "failure_kind is not null", columns=["failure_kind"])["failure_kind"]
            found[task] = ", ".join(f"{n:,} {kind}" for kind, n in kinds.value_counts().items())
    return {task: told for task, told in found.items() if told}


def one(store: Store, run: str, task: str, example: str) -> dict[str, Any] | None:
    """Everything about one sample; None if there is no such example."""
    frame = store.samples(run, task, f"example_id = {literal(example)}", None, 1, 0)
    return None if frame.empty else {str(k): v for k, v in frame.iloc[0].items()}


def choices(sample: Mapping[str, Any]) -> pd.DataFrame:
    """The choices of a sample with log-probabilities: text, tokens, logprob, probability among them, picked, gold.

    Empty for a sample without choices or of a model that gave no log-probabilities.
    """
    requests, responses = (json.loads(sample[name] or "[]") for name in ("requests", "responses"))
    gold = json.loads(sample["target"] or "null")
    rows = []
    for part, (request, response) in enumerate(zip(requests, responses, strict=False)):
        options, logprobs = request.get("choices") or [], list(map(float, response.get("logprobs") or []))
        if not options or len(options) != len(logprobs):
            continue
        for i, (option, p) in enumerate(zip(options, probabilities(logprobs), strict=True)):
            marks = ["picked"] * (i == response.get("picked")) + ["gold"] * (i == gold and len(requests) == 1)
            rows.append((part, option, response["tokens"][i], logprobs[i], p, ", ".join(marks)))
    table = pd.DataFrame(rows, columns=["part", "choice", "tokens", "logprob", "probability", "mark"])
    return harmless(table if table["part"].nunique() > 1 else table.drop(columns="part"))


def probabilities(logprobs: Sequence[float]) -> list[float]:
    """Softmax of the choices' log-probabilities; all nan where one is not a number or none is finite."""
    top = max(logprobs)
    if not math.isfinite(top) or any(math.isnan(p) for p in logprobs):
        return [math.nan] * len(logprobs)
    weights = [math.exp(p - top) for p in logprobs]
    return [weight / sum(weights) for weight in weights]


def gold_of(sample: Mapping[str, Any]) -> str:
    """The gold answer as text: the choice that the target's index names, else the first reference."""
    target = json.loads(sample["target"] or "null")
    options = json.loads(sample["fields"] or "{}").get("choices")
    if isinstance(target, int) and isinstance(options, list) and 0 <= target < len(options):
        return str(options[target])
    if isinstance(target, list):
        return str(target[0]) if target else ""
    return "" if target is None else str(target)
