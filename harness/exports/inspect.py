"""A run as logs of inspect, a file for each task, so that `inspect view` opens them."""

import json
from collections.abc import Sequence
from typing import Any

from harness.exports.records import StoredRun
from harness.exports.samples import asked_of, references_of, safe
from harness.types import Choose, Estimate, Generated, Outcome, TaskRecord

VERSION = 2
"""The version of a log whose samples are in the same page."""


def write_inspect(stored: StoredRun) -> dict[str, str]:
    """``TASK.json`` for every task: its metrics over all examples are scores, each with its interval as metadata."""
    files = {}
    for task in stored.run.tasks:
        page = _log(stored, task, list(stored.outcomes(task.name)))
        files[f"{safe(task.name)}.json"] = json.dumps(page, indent=1, ensure_ascii=False) + "\n"
    return files


def _log(stored: StoredRun, task: TaskRecord, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    run = stored.run
    ids = [outcome.example.id for outcome in outcomes]
    about = {
        "eval_id": f"{run.id}/{task.name}",
        "run_id": run.id,
        "task_id": task.fingerprint,
        "created": run.started,
        "task": task.name,
        "task_version": task.version,
        "dataset": {"name": task.name, "samples": task.available, "sample_ids": ids},
        "model": stored.model,
        "config": {"limit": task.n},
        "packages": {"rai-harness": run.versions.get("rai-harness", "unknown")},
    }
    numbers = [e for e in stored.estimates if (e.task, e.slice) == (task.name, "all")]
    means = _means(task, outcomes)
    return {
        "version": VERSION,
        "status": "success",
        "eval": about,
        "plan": {"name": "harness", "steps": [], "config": {}},
        "results": {
            "total_samples": len(outcomes),
            "completed_samples": sum(o.failure is None for o in outcomes),
            "scores": [_score(e, "mean" if e.metric in means else "value") for e in numbers if e.value is not None],
        },
        "stats": {"started_at": run.started, "completed_at": run.finished or run.started, "model_usage": {}},
        "samples": [_sample(o, means) for o in outcomes],
    }


def _means(task: TaskRecord, outcomes: Sequence[Outcome]) -> list[str]:
    """The metrics of which every example that has a value has one number."""
    judged = [o.judged.values for o in outcomes if o.judged]
    own = {m.name: [values[m.name] for values in judged if m.name in values] for m in task.metrics}
    return [name for name, values in own.items() if values and all(isinstance(one, int | float) for one in values)]


def _score(e: Estimate, name: str) -> dict[str, Any]:
    about = {"low": e.low, "high": e.high, "n": e.n, "clusters": e.clusters, "failed": e.failed}
    return {
        "name": e.metric,
        "scorer": e.metric,
        "scored_samples": e.n,
        "unscored_samples": e.failed,
        "params": {},
        "metrics": {name: {"name": name, "value": e.value, "params": {}, "metadata": about}},
    }


def _sample(outcome: Outcome, means: Sequence[str]) -> dict[str, Any]:
    example, judged = outcome.example, outcome.judged
    first = outcome.requests[0] if outcome.requests else None
    references = references_of(outcome)
    said, values = (judged.prediction, judged.values) if judged else ("", {})
    raw, ended = next(((r.text, r.finish) for r in outcome.responses if isinstance(r, Generated)), (said, "end"))
    asked, stop = asked_of(outcome), "max_tokens" if ended == "length" else "stop"
    row: dict[str, Any] = {
        "id": example.id,
        "epoch": 1,
        "input": asked,
        "target": references[0] if len(references) == 1 else references,
        "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": raw}],
        "output": {"choices": [{"message": {"role": "assistant", "content": raw}, "stop_reason": stop}]},
        "scores": {name: {"value": values[name], "answer": said} for name in means if name in values},
        "metadata": dict(example.slices),
    }
    if isinstance(first, Choose):
        row["choices"] = list(first.choices)
    if outcome.failure:
        message = f"{outcome.failure.kind}: {outcome.failure.message}"
        row["error"] = {"message": message, "traceback": "", "traceback_ansi": ""}
    return row
