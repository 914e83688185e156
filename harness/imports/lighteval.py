"""Results of lighteval: ``results_DATE.json``, and ``details_TASK_DATE.parquet`` with the samples of each task."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import DataError
from harness.imports.fields import amount, count, finite, iso, items, needed, shown, table, text
from harness.imports.metrics import marks, mean_of
from harness.imports.records import CARD, ForeignExample, ForeignNumber, ForeignRun, ForeignTask
from harness.reading.parquet import read_rows
from harness.types import Choose, Chosen, Failed, Generate, Generated, Judged, Request, Response, Settings

FORMAT = "lighteval"
DATE = re.compile(r"results_(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)(?:\.\d+)?")
TOLD = ("acc", "em", "exact_match", "extractive_match", "pem", "qem")
"""Metrics that say whether an example is right, the first that there is."""


def recognises(page: Mapping[str, Any]) -> bool:
    """Whether a JSON page is one of its results."""
    return {"config_general", "results"} <= page.keys()


def read(path: Path, page: Mapping[str, Any], details: Sequence[Path]) -> ForeignRun:
    """The run of a page of results; ``details``: Parquet files among which its samples may be. Raises DataError."""
    general = table(page["config_general"], "config_general")
    date = DATE.fullmatch(path.stem)
    if date is None:
        raise DataError(f"{path}: its name is not results_DATE.json, and nothing else says when it was made")
    day, _, clock = date[1].partition("T")
    stamp = path.stem.removeprefix("results_")
    files = {file.name: file for file in details}
    results = table(page["results"], "results")
    names = [name for name in results if name != "all" and "_average" not in name]
    if not names:
        raise DataError(f"{path}: its results name no task")
    model = needed(general.get("model_name"), "config_general.model_name")
    most = amount(general.get("max_samples"))
    when = iso(f"{day}T{clock.replace('-', ':')}+00:00", "date")
    return ForeignRun(
        format=FORMAT,
        release=str(general.get("lighteval_sha") or "unknown"),
        model=model,
        fingerprint={"model": model},
        tasks=tuple(_task(name, page, files.get(f"details_{name}_{stamp}.parquet")) for name in names),
        started=when,
        finished=when,
        settings=Settings(limit=most, limit_order="first"),
    )


def _task(name: str, page: Mapping[str, Any], details: Path | None) -> ForeignTask:
    results = table(table(page["results"], "results")[name], name)
    task, _, shots = name.partition("|")
    version = amount(table(page.get("versions"), "versions").get(name))
    examples = list(_examples(list(read_rows(details, "details of lighteval")))) if details else []
    numbers = tuple(_numbers(results))
    known = {number.metric for number in numbers}
    worse = set(_lower_is_better(_config(page, name)))
    return ForeignTask(
        name=task,
        metrics=tuple(
            mean_of(number.metric, examples, better="lower" if number.metric in worse else "higher")
            for number in numbers
        ),
        examples=tuple(examples),
        numbers=numbers,
        unread=tuple(metric for metric in results if metric not in known and not metric.endswith("_stderr")),
        n=len(examples) or _asked(page, name),
        version=version or 1,
        shots=int(shots) if shots.isdigit() and len(shots) < 4 else 0,
        card=CARD,
    )


def _asked(page: Mapping[str, Any], name: str) -> int | None:
    """How many examples were asked, where there are no details to count."""
    return count(_config(page, name).get("effective_num_docs"), "effective_num_docs")


def _config(page: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return table(table(page.get("config_tasks"), "config_tasks").get(name), name)


def _lower_is_better(config: Mapping[str, Any]) -> Iterator[str]:
    """The metrics of a task of which less is better, as its configuration says; an older one may only name them.

    Metrics that are computed together have a table of directions, whose names lack parameters ("edit_distance:n=2").
    """
    told = config.get("metrics", config.get("metric"))
    for one in told if isinstance(told, list) else [told]:
        if not isinstance(one, Mapping):
            continue
        names, direction = one.get("metric_name"), one.get("higher_is_better")
        for name in names if isinstance(names, list) else [names]:
            own = text(name, "metric_name")
            plain = own.partition(":")[0]
            better = direction.get(own, direction.get(plain)) if isinstance(direction, Mapping) else direction
            if better is False:
                yield own


def _numbers(results: Mapping[str, Any]) -> Iterator[ForeignNumber]:
    for name, value in results.items():
        number = finite(value)
        if number is not None and not name.endswith("_stderr"):
            yield ForeignNumber(metric=name, value=number, error=finite(results.get(f"{name}_stderr")))


# ------------------------------------------------------------------------------------------------------------- samples
def _examples(rows: Sequence[Mapping[str, Any]]) -> Iterator[ForeignExample]:
    values = [_values(table(row.get("metric"), "metric")) for row in rows]
    for row, own, mark in zip(rows, values, marks(values, TOLD), strict=True):
        yield _example(table(row.get("doc"), "doc"), table(row.get("model_response"), "model_response"), own, mark)


def _values(metrics: Mapping[str, Any]) -> dict[str, float]:
    known = ((name, finite(value)) for name, value in metrics.items())
    return {name: value for name, value in known if value is not None}


def _example(
    doc: Mapping[str, Any], answer: Mapping[str, Any], values: Mapping[str, float], mark: bool | None
) -> ForeignExample:
    query = text(doc.get("query"), "doc.query")
    choices = tuple(shown(choice) for choice in items(doc.get("choices"), "doc.choices"))
    prompt = answer.get("input")
    gold = doc.get("gold_index")
    places = gold if isinstance(gold, list) else [gold]
    request, response = _exchange(prompt if isinstance(prompt, str) else query, choices, answer, scored=bool(values))
    written = response.text if isinstance(response, Generated) else ""
    if isinstance(response, Chosen):
        written = choices[response.picked]
    return ForeignExample(
        content={"query": query, "choices": list(choices)},
        target=[choices[place] for place in places if isinstance(place, int) and 0 <= place < len(choices)],
        requests=(request,),
        responses=(response,),
        judged=Judged(written, values, mark),
    )


def _exchange(
    prompt: str, choices: tuple[str, ...], answer: Mapping[str, Any], *, scored: bool
) -> tuple[Request, Response]:
    """A choice where there is a log-probability of each, else a text."""
    logs = [finite(log) for log in items(answer.get("logprobs"), "logprobs")]
    known = tuple(log for log in logs if log is not None)
    if choices and len(known) == len(logs) == len(choices):
        picked = max(range(len(known)), key=known.__getitem__)
        return Choose(prompt, choices), Chosen(picked, known) if scored else Failed("missing", "no score")
    texts = items(answer.get("text"), "text")
    request = Generate(prompt, 0)
    if not texts or not scored:
        return request, Failed("missing", "the file holds no answer" if not texts else "no score")
    tokens = items(answer.get("output_tokens"), "output_tokens")
    return request, Generated(text(texts[0], "text"), len(tokens[0]) if tokens and tokens[0] else 0, "end")
