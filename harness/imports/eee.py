"""Records of Every Eval Ever: a JSON page of results, and a JSONL file of samples beside it where there is one."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import DataError, quoted
from harness.imports.fields import count, finite, iso, items, moment, needed, table, text
from harness.imports.metrics import mean_of, right
from harness.imports.records import CARD, ForeignExample, ForeignNumber, ForeignRun, ForeignTask
from harness.reading.text import read_json_lines
from harness.types import Better, Failed, Generate, Generated, Judged, Response

FORMAT = "Every Eval Ever"
NEWEST = (0, 3)
"""The newest schema that is read."""


def recognises(page: Mapping[str, Any]) -> bool:
    """Whether a JSON page is a record."""
    return {"schema_version", "evaluation_id", "evaluation_results"} <= page.keys()


def read(path: Path, page: Mapping[str, Any]) -> ForeignRun:
    """The run of a record, with the samples of the file ``NAME_samples.jsonl`` beside it. Raises DataError."""
    version = needed(page["schema_version"], "schema_version")
    parts = version.removeprefix("v").split(".")
    if not all(part.isdigit() and len(part) < 4 for part in parts) or tuple(map(int, parts[:2])) > NEWEST:
        raise DataError(f"{path}: schema_version {quoted(version, 40)}; this program reads up to 0.3")
    library = table(page.get("eval_library"), "eval_library")
    info = table(page.get("model_info"), "model_info")
    results = [table(one, "a result") for one in items(page["evaluation_results"], "evaluation_results")]
    if not results:
        raise DataError(f"{path}: holds no result")
    beside = path.with_name(f"{path.stem}_samples.jsonl")
    rows = [row for _, row in read_json_lines(beside, "samples", constants=True)] if beside.is_file() else []
    model = needed(info.get("id") or info.get("name"), "model_info.id")
    time = _time(page.get("evaluation_timestamp") or page.get("retrieved_timestamp"))
    names = dict.fromkeys(needed(one.get("evaluation_name"), "evaluation_name") for one in results)
    details = table(page.get("detailed_evaluation_results"), "detailed_evaluation_results")
    total = count(details.get("total_rows"), "total_rows")
    if rows and total is not None and total != len(rows):
        raise DataError(f"{beside}: has {len(rows)} rows, its record says {total}")
    return ForeignRun(
        format=FORMAT,
        release=version,
        model=model,
        fingerprint={"model": model, "library": f"{text(library.get('name'), 'name')} {library.get('version', '')}"},
        tasks=tuple(_task(name, results, rows) for name in names),
        started=time,
        finished=time,
    )


def _time(value: object) -> str:
    written = needed(value, "evaluation_timestamp")
    try:
        return moment(float(written))
    except ValueError:
        return iso(written, "evaluation_timestamp")


def _task(name: str, results: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> ForeignTask:
    own = [one for one in results if one["evaluation_name"] == name]
    metrics = [_metric_name(one, place) for place, one in enumerate(own)]
    if len(set(metrics)) < len(metrics):
        metrics = [f"{metric} {place + 1}" for place, metric in enumerate(metrics)]
    ids = {text(one.get("evaluation_result_id"), "id"): metric for one, metric in zip(own, metrics, strict=True)}
    samples = [row for row in rows if row.get("evaluation_name") == name]
    examples = list(_examples(samples, ids, metrics[0]))
    numbers = [_number(metric, one) for metric, one in zip(metrics, own, strict=True)]
    data = table(own[0].get("source_data"), "source_data")
    return ForeignTask(
        name=name,
        metrics=tuple(mean_of(metric, examples, better=_better(one)) for metric, one in zip(metrics, own, strict=True)),
        examples=tuple(examples),
        numbers=tuple(numbers),
        n=len(examples) or count(data.get("samples_number"), "samples_number"),
        data=text(data.get("dataset_name"), "dataset_name"),
        card=CARD,
    )


def _metric_name(result: Mapping[str, Any], place: int) -> str:
    config = table(result.get("metric_config"), "metric_config")
    names = (text(config.get(key), key) for key in ("metric_name", "metric_id", "metric_kind"))
    return next(filter(None, names), "score" if not place else f"score {place + 1}")


def _better(result: Mapping[str, Any]) -> Better:
    return "lower" if table(result.get("metric_config"), "metric_config").get("lower_is_better") is True else "higher"


def _number(metric: str, result: Mapping[str, Any]) -> ForeignNumber:
    details = table(result.get("score_details"), "score_details")
    value = finite(details.get("score"))
    if value is None:
        raise DataError(f"the score of {metric} is {quoted(details.get('score'), 40)}, not a finite number")
    doubt = table(details.get("uncertainty"), "uncertainty")
    error = finite(table(doubt.get("standard_error"), "standard_error").get("value"))
    return ForeignNumber(metric=metric, value=value, error=error, n=count(doubt.get("num_samples"), "num_samples"))


# ------------------------------------------------------------------------------------------------------------- samples
def _examples(rows: Sequence[Mapping[str, Any]], ids: Mapping[str, str], first: str) -> Iterator[ForeignExample]:
    """The rows of one sample, which may be of several metrics, are one example."""
    together: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        together.setdefault(needed(row.get("sample_id"), "sample_id"), []).append(row)
    values = [
        {ids.get(text(row.get("evaluation_result_id"), "id"), first): score for row in same if (score := _score(row))}
        for same in together.values()
    ]
    plain = [{name: score[0] for name, score in own.items()} for own in values]
    truths = [next(iter(own.values()))[1] if own else None for own in values]
    marks = right([None if truth is None else float(truth) for truth in truths])
    for same, own, mark in zip(together.values(), plain, marks, strict=True):
        yield _example(same[0], own, mark)


def _score(row: Mapping[str, Any]) -> tuple[float, bool | None] | None:
    """(score, whether it is right) of a row; None where an error stands in its place."""
    judged = table(row.get("evaluation"), "evaluation")
    value, mark = finite(judged.get("score")), judged.get("is_correct")
    return None if value is None or row.get("error") else (value, mark if isinstance(mark, bool) else None)


def _example(row: Mapping[str, Any], values: Mapping[str, float], mark: bool | None) -> ForeignExample:
    asked = table(row.get("input"), "input")
    raw = text(asked.get("raw"), "input.raw")
    choices, references = items(asked.get("choices"), "choices"), items(asked.get("reference"), "reference")
    response = _response(row, bool(values))
    attributed = items(row.get("answer_attribution"), "answer_attribution")
    answer = table(attributed[-1], "an answer").get("extracted_value") if attributed else None
    written = response.text if isinstance(response, Generated) else ""
    return ForeignExample(
        content={"input": raw, **({"choices": list(choices)} if choices else {})},
        target=list(references),
        requests=(Generate(text(asked.get("formatted"), "formatted") or raw, 0),),
        responses=(response,),
        judged=Judged(answer if isinstance(answer, str) else written, values, mark),
    )


def _response(row: Mapping[str, Any], scored: bool) -> Response:
    if row.get("error") or not scored:
        return Failed("server", str(row.get("error") or "no score")[:300])
    outputs = items(table(row.get("output"), "output").get("raw"), "output.raw")
    said = [text(table(one, "a message").get("content"), "content") for one in items(row.get("messages"), "messages")]
    tokens = count(table(row.get("token_usage"), "token_usage").get("output_tokens"), "output_tokens")
    written = outputs[0] if outputs else (said[-1] if said else "")
    return Generated(text(written, "output.raw"), tokens or 0, "end")
