"""Runs that wrote answers, a good one and a noisy one, for campaigns in which people rate them."""

from dataclasses import replace
from typing import Any

import numpy as np
import stored as records

from harness.people.campaign import Campaign
from harness.store import Store
from harness.types import Example, Failed, Generate, Generated, Judged, MetricRecord, Outcome

GOOD, NOISY = "model-of-amber", "model-of-basalt"
"""Names that no rater may ever see."""
TASK = "toy/letters"
SCORE = MetricRecord(name="score", interval="t")


def text(example: int, quality: int) -> str:
    """An answer whose quality can be read off it."""
    return f"Answer to question {example}: " + "good " * quality + "bad " * (5 - quality)


def outcome(example: int, quality: int | None, score: float) -> Outcome:
    asked = Example(
        f"e{example}", {"question": f"What is {example}?"}, [f"reference {example}"], {}, f"c{example // 2}"
    )
    request = Generate(f"Q: What is {example}?\nA:", 20)
    if quality is None:
        failed = Failed("timeout", "no answer")
        return Outcome(asked, (request,), (failed,), None, failed)
    said = text(example, quality)
    return Outcome(asked, (request,), (Generated(said, 9, "end"),), Judged(said, {"score": score}))


def add_run(store: Store, run_id: str, model: str, qualities: list[int | None], data: str = "d" * 64) -> None:
    """A finished run whose answers have these qualities, 0 to 5; None failed. Its metric is a noisy view of them."""
    rng = np.random.default_rng(len(run_id))
    rows = [outcome(i, q, (q or 0) / 5 + rng.normal(0, 0.1)) for i, q in enumerate(qualities)]
    task = replace(records.task(TASK), data_sha256=data, n=len(rows), metrics=(SCORE,))
    run = records.run(run_id, model=model, tasks=(task,))
    store.start(run)
    store.finish(run, {TASK: rows}, [records.estimate(task=TASK, metric="score")])


def fill(store: Store, examples: int = 40) -> None:
    """Two runs: the good one's answers are better on most examples."""
    rng = np.random.default_rng(0)
    good = [int(q) for q in rng.integers(2, 6, examples)]
    add_run(store, "run-a", GOOD, list(good))
    add_run(
        store, "run-b", NOISY, [max(0, q - int(d)) for q, d in zip(good, rng.integers(0, 4, examples), strict=True)]
    )


def campaign(kind: Any = "preference", **changes: Any) -> Campaign:
    """A campaign over both runs, with what a test wants changed."""
    scales: dict[str, dict[str, Any]] = {
        "likert": {"anchors": ("bad", "fair", "good", "great", "perfect")},
        "labels": {"labels": ("rude", "wrong")},
    }
    usual = {
        "name": "letters",
        "runs": ("run-a", "run-b"),
        "task": TASK,
        "items": 20,
        "instructions": "Judge the words.",
    }
    return Campaign(kind=kind, **{**usual, **scales.get(kind, {}), **changes})
