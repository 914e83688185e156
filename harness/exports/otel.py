"""A run as events of OpenTelemetry: a file of logs that a collector's ``otlpjsonfile`` receiver reads.

https://github.com/open-telemetry/semantic-conventions-genai (the event ``gen_ai.evaluation.result``)
https://opentelemetry.io/docs/specs/otel/protocol/file-exporter
"""

import json
import math
from datetime import datetime
from typing import Any

from harness.exports.records import StoredRun
from harness.types import Estimate

EVENT = "gen_ai.evaluation.result"
INFO = 9


def write_otel(stored: StoredRun) -> dict[str, str]:
    """``RUN.otlp.jsonl``: one event for each number, in one line; what is undefined has an ``error.type``."""
    run = stored.run
    ended = datetime.fromisoformat(run.finished or run.started)
    nanoseconds = str(round(ended.timestamp() * 1_000_000) * 1000)
    release = run.versions.get("rai-harness", "unknown")
    resource = {"service.name": "harness", "service.version": release, "harness.run.id": run.id}
    records = [
        {
            "timeUnixNano": nanoseconds,
            "observedTimeUnixNano": nanoseconds,
            "severityNumber": INFO,
            "eventName": EVENT,
            "attributes": _attributes({"gen_ai.request.model": stored.model, **_result(e)}),
        }
        for e in stored.estimates
    ]
    scope = {"scope": {"name": "harness.exports", "version": release}, "logRecords": records}
    logs = {"resourceLogs": [{"resource": {"attributes": _attributes(resource)}, "scopeLogs": [scope]}]}
    return {f"{run.id}.otlp.jsonl": json.dumps(logs, ensure_ascii=False) + "\n"}


def _result(e: Estimate) -> dict[str, str | int | float]:
    numbers = {"gen_ai.evaluation.score.value": e.value, "harness.score.low": e.low, "harness.score.high": e.high}
    counts = {"harness.examples": e.n, "harness.clusters": e.clusters, "harness.failed": e.failed}
    undefined = {"error.type": "undefined"} if e.value is None else {}
    return {
        "gen_ai.evaluation.name": f"{e.task}/{e.metric}",
        "harness.task": e.task,
        "harness.metric": e.metric,
        "harness.slice": e.slice,
        **{name: value for name, value in numbers.items() if value is not None},
        **counts,
        **undefined,
    }


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in values.items()]


def _value(value: str | int | float) -> dict[str, Any]:
    """In the JSON of protobuf whole numbers of 64 bits are texts, and so is an infinity."""
    match value:
        case str():
            return {"stringValue": value}
        case int():
            return {"intValue": str(value)}
        case float() if math.isinf(value):
            return {"doubleValue": "Infinity" if value > 0 else "-Infinity"}
        case _:
            return {"doubleValue": value}
