"""Samples of lm-evaluation-harness: the rows of a document under several filters are one example."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import DataError, quoted
from harness.imports.fields import amount, count, finite, items, needed, shown, table, text
from harness.imports.metrics import right
from harness.imports.records import ForeignExample
from harness.types import (
    Choose,
    Chosen,
    Failed,
    Generate,
    Generated,
    Judged,
    Likelihood,
    Request,
    Response,
    Scored,
    Value,
)

PAIRS = ("word_perplexity", "byte_perplexity", "bits_per_byte")
"""Metrics whose value is (log-likelihood, words or bytes)."""
TOLD = ("acc", "exact_match", "em")
"""Metrics that say whether an example is right, the first that there is."""


def examples_of(task: str, config: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[ForeignExample]:
    """The examples of one task in their order. Raises DataError for a row that is no sample."""
    documents: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        number = count(row.get("doc_id"), f"{task}: doc_id")
        if number is None:
            raise DataError(f"{task}: a sample has no doc_id")
        documents.setdefault(number, []).append(row)
    judged = [_values(same) for same in documents.values()]
    name = next((name for name in _names(judged) if name.partition(",")[0] in TOLD), "")
    marks = right([_scalar(values.get(name)) for values, _ in judged])
    return [
        _example(task, config, same, values, mark)
        for same, values, mark in zip(documents.values(), judged, marks, strict=True)
    ]


def metric_name(metric: str, chosen: str) -> str:
    """What a metric is called under a filter: ``acc`` for "none", which every task has, else ``exact_match,strict``."""
    return metric if chosen == "none" else f"{metric},{chosen}"


def _names(judged: Sequence[tuple[Mapping[str, Value], Mapping[str, str]]]) -> list[str]:
    names = dict.fromkeys(name for values, _ in judged for name in values)
    return sorted(names, key=lambda name: TOLD.index(part) if (part := name.partition(",")[0]) in TOLD else len(TOLD))


def _scalar(value: Value | None) -> float | None:
    return None if isinstance(value, tuple) else value


def _values(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Value], dict[str, str]]:
    """The values of a document's metrics under all filters, and why others have none."""
    values: dict[str, Value] = {}
    failed: dict[str, str] = {}
    for row in rows:
        chosen = text(row.get("filter", "none"), "filter")
        for metric in items(row.get("metrics"), "metrics"):
            own = needed(metric, "a metric")
            name = metric_name(own, chosen)
            value = _value(own, row.get(own))
            if value is None and isinstance(row.get(own), float):
                failed[name] = "not a finite number"
            elif value is not None:
                values[name] = value
    return values, failed


def _value(metric: str, value: object) -> Value | None:
    if metric in PAIRS and value is not None:
        if not isinstance(value, list) or len(value) != 2:
            raise DataError(f"{metric} of a sample is {quoted(value, 40)}, not a log-likelihood and a count")
        pair = [finite(part) for part in value]
        return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])
    number = finite(value)
    return number if number is None or metric != "perplexity" else (number, 1.0)


def _example(
    task: str,
    config: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    judged: tuple[Mapping[str, Value], Mapping[str, str]],
    mark: bool | None,
) -> ForeignExample:
    row = rows[0]
    document = row.get("doc")
    content = document if isinstance(document, dict) else {"doc": document}
    asked = _asked(row)
    answers = [_first(each) for each in items(row.get("resps"), "resps")]
    requests, responses = _exchange(text(config.get("output_type"), "output_type"), asked, answers)
    prediction = _prediction(requests, responses, row)
    values, failed = judged
    return ForeignExample(
        content=content,
        target=row.get("target"),
        requests=requests,
        responses=responses,
        judged=Judged(prediction, values, mark, failed),
    )


def _asked(row: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """(context, what follows it or how to continue it) of every request."""
    asked = []
    for number, arguments in enumerate(table(row.get("arguments"), "arguments").values()):
        one = table(arguments, f"arguments {number}")
        asked.append((text(one.get("arg_0"), "arg_0"), one.get("arg_1")))
    return asked


def _first(answers: object) -> list[Any]:
    """All answers to one request: texts, or pairs of a log-probability and whether it was greedy."""
    return list(answers) if isinstance(answers, list) else [answers]


def _exchange(
    kind: str, asked: Sequence[tuple[str, Any]], answers: Sequence[Sequence[Any]]
) -> tuple[tuple[Request, ...], tuple[Response, ...]]:
    """Requests and responses of an example. Raises DataError where there are more of one than of the other."""
    if len(asked) != len(answers):
        raise DataError(f"a sample has {len(asked)} requests and answers to {len(answers)}")
    if kind == "generate_until":
        pairs = [
            (_generate(context, how, seed), _written(answer))
            for (context, how), several in zip(asked, answers, strict=True)
            for seed, answer in enumerate(several)
        ]
        return tuple(request for request, _ in pairs), tuple(answer for _, answer in pairs)
    scores = [_score(several[0]) if several else None for several in answers]
    if kind == "multiple_choice" and asked:
        return _chosen(asked, scores)
    if kind == "loglikelihood" and len(asked) == 1:
        (context, continuation), score = asked[0], scores[0]
        request = Likelihood(shown(continuation), context)
        return (request,), (_scored(shown(continuation), score),)
    requests = tuple(Likelihood(context) for context, _ in asked)
    return requests, tuple(_scored(r.text, s) for r, s in zip(requests, scores, strict=True))


def _generate(context: str, how: Any, seed: int) -> Generate:
    options = table(how if isinstance(how, dict) else {}, "arg_1")
    until = options.get("until")
    stop = [until] if isinstance(until, str) else [t for t in items(until, "until") if isinstance(t, str)]
    most, warm = amount(options.get("max_gen_toks")), finite(options.get("temperature"))
    return Generate(context, most or 256, tuple(stop), warm or 0.0, seed=seed)


def _written(answer: object) -> Response:
    return Generated(answer, 0, "end") if isinstance(answer, str) else Failed("missing", "the file holds no answer")


def _score(answer: object) -> tuple[float, bool] | None:
    """(log-probability, whether it was greedy) of texts or values such as ["-3.2", "False"]."""
    pair: list[Any] = answer if isinstance(answer, list) else [answer, False]
    try:
        return float(pair[0]), str(pair[1]) == "True"
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _chosen(
    asked: Sequence[tuple[str, Any]], scores: Sequence[tuple[float, bool] | None]
) -> tuple[tuple[Request, ...], tuple[Response, ...]]:
    """The choices as one question; those without a context, which follow for mutual information, are left out."""
    half = len(asked) // 2
    if not len(asked) % 2 and half and all(context == "" for context, _ in asked[half:]) and asked[0][0]:
        asked, scores = asked[:half], scores[:half]
    contexts = {context for context, _ in asked}
    same = len(contexts) == 1
    choices = tuple(shown(follows) if same else context + shown(follows) for context, follows in asked)
    request = Choose(asked[0][0] if same else "", choices)
    logs = tuple(score[0] for score in scores if score)
    if len(logs) < len(choices):
        return (request,), (Failed("logprobs", "the file lacks a log-probability"),)
    return (request,), (Chosen(max(range(len(logs)), key=logs.__getitem__), logs),)


def _scored(asked: str, score: tuple[float, bool] | None) -> Response:
    if score is None:
        return Failed("logprobs", "the file holds no log-probability")
    return Scored(score[0], 0, len(asked.encode()), score[1])


def _prediction(requests: Sequence[Request], responses: Sequence[Response], row: Mapping[str, Any]) -> str:
    if requests and responses and isinstance(requests[0], Choose) and isinstance(responses[0], Chosen):
        return requests[0].choices[responses[0].picked]
    filtered = items(row.get("filtered_resps"), "filtered_resps")
    return shown(filtered[0] if len(filtered) == 1 else list(filtered)) if filtered else ""
