"""A run as a record of Every Eval Ever, schema 0.3: a page of results and a file of samples."""

import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from harness.exports.records import StoredRun
from harness.exports.samples import asked_of, references_of, safe
from harness.hidden import hidden_in
from harness.types import Estimate, MetricRecord, Outcome, TaskRecord

SCHEMA = "0.3.0"


def write_eee(stored: StoredRun) -> dict[str, str]:
    """``data/harness/DEVELOPER/MODEL/UUID.json`` and ``UUID_samples.jsonl`` beside it.

    Samples are those of the tasks whose answers are right or wrong, each with its task's first metric; a failed example
    has an error, and the score that the schema asks for beside it is no score.
    """
    developer, _, name = stored.model.rpartition("/")
    developer = developer or "unknown"
    folder = "/".join(("data", "harness", safe(developer), safe(name)))
    drawn = hashlib.sha256(stored.run.id.encode()).digest()[:16]  # a UUID of version 4, the same for every export
    stem = f"{folder}/{uuid.UUID(bytes=drawn, version=4)}"
    about = f"{stored.run.id}/{stored.model}"
    lines = [json.dumps(hidden_in(row), ensure_ascii=False) for row in _samples(stored, about)]
    samples = "".join(f"{line}\n" for line in lines)  # without secrets before its checksum is taken
    page = _page(stored, about, developer)
    if lines:
        page["detailed_evaluation_results"] = {
            "format": "jsonl",
            "file_path": f"{stem}_samples.jsonl",
            "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(samples.encode()).hexdigest(),
            "total_rows": len(lines),
        }
    files = {f"{stem}.json": json.dumps(page, indent=1, ensure_ascii=False) + "\n"}
    return files | ({f"{stem}_samples.jsonl": samples} if lines else {})


def _page(stored: StoredRun, about: str, developer: str) -> dict[str, Any]:
    run = stored.run
    records = {task.name: task for task in run.tasks}
    metrics = run.metrics()
    results = [
        _result(e, records.get(e.task), metrics.get((e.task, e.metric)))
        for e in stored.estimates
        if e.slice == "all" and e.value is not None
    ]
    return {
        "schema_version": SCHEMA,
        "evaluation_id": about,
        "evaluation_timestamp": _seconds(run.started),
        "retrieved_timestamp": _seconds(run.finished or run.started),
        "source_metadata": {
            "source_name": "harness",
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "other",
        },
        "eval_library": {"name": "rai-harness", "version": run.versions.get("rai-harness", "unknown")},
        "model_info": {
            "name": stored.model,
            "id": stored.model,
            "developer": developer,
            "additional_details": {"deployment_type": "unknown", "model_availability": "unknown"},
        },
        "evaluation_results": results,
    }


def _seconds(time: str) -> str:
    return str(int(datetime.fromisoformat(time).timestamp()))


def _result(e: Estimate, task: TaskRecord | None, metric: MetricRecord | None) -> dict[str, Any]:
    doubt: dict[str, Any] = {"num_samples": e.n}
    if e.low is not None and e.high is not None:
        method = metric.interval if metric else "t"
        doubt["confidence_interval"] = {"lower": e.low, "upper": e.high, "confidence_level": 0.95, "method": method}
    low, high = metric.bounds if metric else (None, None)
    data = {"data_sha256": task.data_sha256, "task_version": str(task.version)} if task else {}
    return {
        "evaluation_result_id": f"{e.task}/{e.metric}",
        "evaluation_name": e.task,
        "source_data": {"dataset_name": e.task, "source_type": "other", "additional_details": data},
        "metric_config": {
            "metric_id": e.metric,
            "metric_name": e.metric,
            "lower_is_better": bool(metric and metric.better == "lower"),
            "score_type": "continuous",
            "min_score": "-Infinity" if low is None else low,
            "max_score": "Infinity" if high is None else high,
        },
        "score_details": {
            "score": e.value,
            "details": {"failed": str(e.failed), "clusters": str(e.clusters)},
            "uncertainty": doubt,
        },
    }


# ------------------------------------------------------------------------------------------------------------- samples
def _samples(stored: StoredRun, about: str) -> Iterator[dict[str, Any]]:
    for task in stored.run.tasks:
        outcomes = list(stored.outcomes(task.name))
        judged = [o.judged for o in outcomes if o.judged]
        flat = (m.name for m in task.metrics if all(isinstance(j.values.get(m.name), int | float) for j in judged))
        metric = next(flat, None)
        if metric is None or not judged or any(j.correct is None for j in judged):
            continue
        for outcome in outcomes:
            yield {
                "schema_version": SCHEMA,
                "evaluation_id": about,
                "model_id": stored.model,
                "evaluation_name": task.name,
                "evaluation_result_id": f"{task.name}/{metric}",
                **_sample(outcome, metric),
            }


def _sample(outcome: Outcome, metric: str) -> dict[str, Any]:
    judged, example = outcome.judged, outcome.example
    asked, references = asked_of(outcome), references_of(outcome)
    said = judged.prediction if judged else ""
    attribution = {
        "turn_idx": 0,
        "source": "output.raw",
        "extracted_value": said,
        "extraction_method": "custom",
        "is_terminal": True,
    }
    row: dict[str, Any] = {
        "sample_id": example.id,
        "sample_hash": hashlib.sha256((asked + "".join(references)).encode(errors="replace")).hexdigest(),
        "interaction_type": "single_turn",
        "input": {"raw": asked, "reference": references},
        "output": {"raw": [said]},
        "answer_attribution": [attribution] if judged else [],
        "evaluation": {"score": _score(outcome, metric), "is_correct": bool(judged and judged.correct)},
    }
    if outcome.failure:
        row["error"] = f"{outcome.failure.kind}: {outcome.failure.message}"
    return row


def _score(outcome: Outcome, metric: str) -> float:
    """The example's value of a metric; the schema wants a number beside an error too."""
    value = outcome.judged.values.get(metric, 0.0) if outcome.judged else 0.0
    return value[0] if isinstance(value, tuple) else float(value)
