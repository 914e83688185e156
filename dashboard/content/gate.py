"""What gates said: the history, each rule in words, and the examples behind a failure."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pandas as pd

from harness.differences import answers, flips_of, pairs_of
from harness.gate.formats import outcome
from harness.gate.rules import FAILED_RATE, Rule
from harness.gate.wording import explain, record_of
from harness.marks import MARKS, signed
from harness.metrics import words
from harness.store import Store
from harness.store.queries import gates
from harness.store.queries.samples import SampleFilter, condition
from harness.types import MetricRecord
from harness.visible import short_names
from harness_dashboard.content.samples import columns_of
from harness_dashboard.widgets.text import CELL, cut, json_text

NEWEST, EXAMPLES = 200, 50
"""The most verdicts, and the most examples behind a failed rule, that are shown."""
OUTCOMES = {"passed": "PASS", "failed": "FAIL", "undecided": "INCONCLUSIVE"}
"""A gate's outcome in a word -> the state whose mark it has."""
QUIET = FAILED_RATE
"""The rule that stands for itself: rows of it that hold are one line."""


def history(store: Store, run: str | None = None) -> pd.DataFrame:
    """The newest verdicts, newest first: id, when, run, model, baseline, outcome and how many of each kind."""
    rows, lines = [], gates.history(store, NEWEST, run)
    short = short_names(line.model for line in lines)
    for line in lines:
        counts = Counter(str(verdict["state"]) for verdict in line.record.get("verdicts", []))
        rows.append(
            (str(line.number), line.at[:16].replace("T", " "), line.run, short[line.model],
             line.record.get("baseline") or "", marked(outcome(line.record)),
             counts["FAIL"], counts["INCONCLUSIVE"], counts["PASS"])
        )  # fmt: skip
    names = ["gate", "at", "run", "model", "baseline", "outcome", "violated", "undecided", "hold"]
    return pd.DataFrame(rows, columns=names)


def record(store: Store, number: str) -> Mapping[str, Any] | None:
    """The stored JSON of one gate; None if there is none of that number."""
    return gates.record(store, int(number)) if number.isdigit() else None


def marked(outcome: str) -> str:
    """An outcome with its sign: ``▼ failed``."""
    return f"{MARKS[OUTCOMES[outcome]].sign} {outcome}" if outcome in OUTCOMES else outcome


def rules(record: Mapping[str, Any], metrics: Mapping[tuple[str, str], MetricRecord]) -> pd.DataFrame:
    """Every verdict with its rule in words, violations first; ``change``: the value less the baseline's.

    ``metrics``: what the run keeps of its metrics, by task and name; it says in which unit their values are told.
    """
    order = ("FAIL", "INCONCLUSIVE", "PASS")
    rows = [
        {"verdict": signed(v["state"]) + " (quarantined)" * bool(v.get("quarantined")),
         "task": v["task"], "metric": v["metric"], "slice": v["slice"], **_told(v, metrics),
         "n": v["n"], "why": v["message"], "rule": in_words(v["rule"], record_of(metrics, v["task"], v["metric"])),
         "state": v["state"]}
        for v in sorted(record.get("verdicts", []), key=lambda v: order.index(v["state"]))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _told(verdict: Mapping[str, Any], metrics: Mapping[tuple[str, str], MetricRecord]) -> dict[str, str]:
    """The numbers of a verdict in words."""
    record = record_of(metrics, verdict["task"], verdict["metric"])
    now, before = verdict["value"], verdict["baseline"]
    change = "-" if now is None or before is None else words.points(now - before, record, signed=True)
    return {"value": words.value(now, record), "baseline": words.value(before, record), "change": change}


def grouped(rules: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rules without those on failures that hold, and these in one line."""
    quiet = (rules["metric"] == QUIET) & (rules["state"] == "PASS")
    count = int(quiet.sum())
    line = f"{count} rules on failed answers hold." if count > 1 else "1 rule on failed answers holds."
    return rules[~quiet].drop(columns="state"), line * bool(count)


def in_words(rule: Mapping[str, Any], record: MetricRecord | None) -> str:
    """A stored rule in words, its margin in the unit of a metric that it judged; its alpha is not stored."""
    known = {field.name for field in fields(Rule)}
    text = explain(Rule(**{key: value for key, value in rule.items() if key in known}), 0.05, record)
    return re.sub(r" \(alpha [^)]*\)", "", text)


def failing(store: Store, run: str, baseline: str | None, row: Mapping[str, Any], most: int = EXAMPLES) -> pd.DataFrame:
    """Examples of a failed rule's slice: those that broke against the baseline, else those wrong or failed."""
    task, where = str(row["task"]), str(row["slice"])
    if baseline:
        pairs, _ = pairs_of(answers(store, baseline, task), answers(store, run, task), same=False)
        name, _, value = where.partition("=")
        inside = [pair for pair in pairs if where == "all" or pair[0].slices.get(name) == value]
        broken = [flip for flip in flips_of(task, inside) if not flip.fixed]
        changes = [(flip.example, cut(flip.before, CELL), cut(flip.after, CELL), flip.change) for flip in broken[:most]]
        return pd.DataFrame(changes, columns=["example", "baseline's answer", "answer", "change of logprob"])
    wanted = SampleFilter("failed" if row["metric"] == QUIET else "wrong", slice="" if where == "all" else where)
    columns = ["example_id", "prediction", "target", "failure_message", "slices"]
    fitting = condition(wanted, columns_of(store, run, task))
    frame = store.samples(run, task, fitting, None, most, 0, columns)
    frame = frame.assign(target=frame["target"].map(json_text), slices=frame["slices"].map(json_text))
    return frame.rename(columns={"example_id": "example", "prediction": "answer"})
