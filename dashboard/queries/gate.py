"""What gates said: the history, each rule in words, and the examples behind a failure; no Streamlit in here."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pandas as pd
from sqlalchemy import select

from harness.differences import answers, flips_of, pairs_of
from harness.gate.rules import Rule, explain
from harness.store import Store
from harness.store.database import reading
from harness.store.schema import MODELS, RUNS, VERDICTS
from harness_dashboard.queries.runs import short
from harness_dashboard.queries.trends import outcome
from harness_dashboard.widgets.text import CELL, cut

NEWEST, EXAMPLES = 200, 50
"""The most verdicts, and the most examples behind a failed rule, that are shown."""
MARKS = {"PASS": "✓ PASS", "FAIL": "✗ FAIL", "INCONCLUSIVE": "? INCONCLUSIVE"}


def history(store: Store, run: str | None = None) -> pd.DataFrame:
    """The newest verdicts, newest first: id, when, run, model, baseline, outcome and how many of each kind."""
    query = (
        select(VERDICTS.c.id, VERDICTS.c.at, VERDICTS.c.run_id, MODELS.c.name, VERDICTS.c.verdict)
        .join(RUNS, RUNS.c.id == VERDICTS.c.run_id)
        .join(MODELS, MODELS.c.id == RUNS.c.model_id)
        .order_by(VERDICTS.c.id.desc())
        .limit(NEWEST)
    )
    with reading(store.engine) as connection:
        rows = connection.execute(query.where(VERDICTS.c.run_id == run) if run else query).all()
    made = []
    for number, at, run_id, model, verdict in rows:
        counts = Counter(str(v["state"]) for v in verdict.get("verdicts", []))
        made.append(
            (str(number), at[:16].replace("T", " "), run_id, short(model), verdict.get("baseline") or "",
             outcome(verdict.get("exit_code")), counts["FAIL"], counts["INCONCLUSIVE"], counts["PASS"])
        )  # fmt: skip
    names = ["gate", "at", "run", "model", "baseline", "outcome", "FAIL", "INCONCLUSIVE", "PASS"]
    return pd.DataFrame(made, columns=names)


def verdict(store: Store, number: str) -> Mapping[str, Any] | None:
    """The stored JSON of one gate; None if there is none of that number."""
    if not number.isdigit():
        return None
    with reading(store.engine) as connection:
        found = connection.execute(select(VERDICTS.c.verdict).where(VERDICTS.c.id == int(number))).scalar()
    return found if isinstance(found, Mapping) else None


def rules(record: Mapping[str, Any]) -> pd.DataFrame:
    """Every verdict with its rule in words, failures first."""
    order = list(MARKS)
    made = [
        {"verdict": MARKS.get(v["state"], v["state"]) + " (quarantined)" * bool(v.get("quarantined")),
         "task": v["task"], "metric": v["metric"], "slice": v["slice"], "value": v["value"], "baseline": v["baseline"],
         "n": v["n"], "why": v["message"], "rule": in_words(v["rule"])}
        for v in sorted(record.get("verdicts", []), key=lambda v: (order.index(v["state"]) + 2) % 3)
    ]  # fmt: skip
    return pd.DataFrame(made)


def in_words(rule: Mapping[str, Any]) -> str:
    """A stored rule in words. The alpha is not stored with it, and so is not told."""
    known = {field.name for field in fields(Rule)}
    told = explain(Rule(**{key: value for key, value in rule.items() if key in known}), 0.05)
    return re.sub(r" \(alpha [^)]*\)", "", told)


def failing(store: Store, run: str, baseline: str | None, row: Mapping[str, Any], most: int = EXAMPLES) -> pd.DataFrame:
    """Examples behind a failed rule: those that broke against the baseline, else those wrong or failed."""
    task, where = str(row["task"]), str(row["slice"])
    if baseline:
        pairs, _ = pairs_of(answers(store, baseline, task), answers(store, run, task), same=False)
        name, _, value = where.partition("=")
        inside = [pair for pair in pairs if where == "all" or pair[0].slices.get(name) == value]
        broken = [flip for flip in flips_of(task, inside) if not flip.fixed]
        made = [(flip.example, cut(flip.before, CELL), cut(flip.after, CELL), flip.change) for flip in broken[:most]]
        return pd.DataFrame(made, columns=["example", "baseline's answer", "answer", "change of logprob"])
    state = "failure_kind is not null" if row["metric"] == "failed_rate" else "correct = false"
    columns = ["example_id", "prediction", "target", "failure_message", "slices"]
    frame = store.samples(run, task, state, None, most, 0, columns)
    return frame.rename(columns={"example_id": "example", "prediction": "answer"})
