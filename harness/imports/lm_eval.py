"""Results of lm-evaluation-harness: ``results_DATE.json``, with ``samples_TASK_DATE.jsonl`` beside it.

A sample is a row for each document and filter. Its requests are in ``arguments``, its answers in ``resps``, whose
numbers are texts; the values of its metrics stand beside them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import DataError, quoted
from harness.imports.fields import amount, count, finite, items, moment, needed, table, text, whole
from harness.imports.lm_eval_samples import examples_of, metric_name
from harness.imports.metrics import mean_of
from harness.imports.records import CARD, ForeignExample, ForeignNumber, ForeignRun, ForeignTask
from harness.metrics.likelihood import METRICS as LIKELIHOODS
from harness.metrics.likelihood import perplexity
from harness.reading.text import read_json_lines
from harness.types import Better, Metric, Settings

FORMAT = "lm-evaluation-harness"
CORPUS = {metric.name: metric for metric in LIKELIHOODS} | {"perplexity": perplexity("perplexity")}
"""Metrics whose examples have a log-probability and what it is divided by."""
KEPT = {"model_dtype": "dtype", "model_revision": "revision", "model_sha": "sha", "model_num_parameters": "parameters"}
"""Of what it says of a model, what names no place and no key."""


def recognises(page: Mapping[str, Any]) -> bool:
    """Whether a JSON page is one of its results."""
    return {"results", "configs", "versions"} <= page.keys()


def read(path: Path, page: Mapping[str, Any]) -> ForeignRun:
    """The run that a page of results tells of, with the samples that lie beside it. Raises DataError."""
    config = table(page.get("config"), "config")
    results = table(page["results"], "results")
    configs = table(page["configs"], "configs")
    groups = [name for name in results if name not in configs]
    beside = {file.name: file for file in sorted(path.parent.iterdir()) if file.suffix == ".jsonl"}
    tasks = tuple(_task(name, page, beside.get(_samples_name(path, name))) for name in results if name in configs)
    if not tasks:
        raise DataError(f"{path}: its results name no task")
    date = finite(page.get("date"))
    if date is None:
        raise DataError(f"{path}: the date is missing")
    model = _model(page, config)
    kept = {ours: str(config[name]) for name, ours in KEPT.items() if config.get(name) is not None}
    seed, limit = whole(config.get("random_seed")), amount(config.get("limit"))
    return ForeignRun(
        format=FORMAT,
        release=str(page.get("lm_eval_version") or page.get("git_hash") or "unknown"),
        model=model,
        fingerprint={"model": model, "backend": text(config.get("model"), "config.model"), **kept},
        tasks=tasks,
        started=moment(date),
        finished=moment(date),
        settings=Settings(seed=seed or 0, limit=limit, limit_order="first"),
        notices=tuple(_notices(path, config, groups)),
    )


def _notices(path: Path, config: Mapping[str, Any], groups: Sequence[str]) -> Iterator[str]:
    if groups:
        yield f"{path.name}: averages of groups are left out: {', '.join(groups)}"
    seed = config.get("random_seed")
    if seed is not None and whole(seed) is None:
        yield f"{path.name}: its random_seed {quoted(seed, 40)} is no whole number that a run keeps: the run's is 0"


def _samples_name(path: Path, task: str) -> str:
    """What the file of a task's samples is called, beside a page of results of the same date."""
    return f"samples_{task}{path.stem.removeprefix('results')}.jsonl"


def _model(page: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """The name of the model; of its arguments, which may hold keys, nothing else is taken."""
    arguments = config.get("model_args")
    if isinstance(arguments, str):
        arguments = dict(part.partition("=")[::2] for part in arguments.split(","))
    own = table(arguments, "config.model_args")
    name = page.get("model_name") or own.get("pretrained") or own.get("model") or own.get("path") or config.get("model")
    return needed(name, "the model's name")


# --------------------------------------------------------------------------------------------------------------- a task
def _task(name: str, page: Mapping[str, Any], samples: Path | None) -> ForeignTask:
    config = table(page["configs"][name], f"configs.{name}")
    asked = table(table(page.get("n-samples"), "n-samples").get(name), f"n-samples.{name}")
    version = amount(table(page.get("versions"), "versions").get(name))
    where = "/".join(filter(None, (text(config.get(key), key) for key in ("dataset_path", "dataset_name"))))
    shots = count(table(page.get("n-shot"), "n-shot").get(name), f"n-shot.{name}")
    examples: Sequence[ForeignExample] = ()
    if samples:
        examples = examples_of(name, config, [row for _, row in read_json_lines(samples, "samples", constants=True)])
    judged = {metric for example in examples if example.judged for metric in example.judged.values}
    results = table(page["results"][name], f"results.{name}")
    numbers = list(_numbers(results, config, judged))
    return ForeignTask(
        name=name,
        metrics=tuple(_metric(number.metric, name, page, examples) for number in numbers),
        examples=tuple(examples),
        numbers=tuple(numbers),
        n=count(asked.get("effective"), f"n-samples.{name}.effective"),
        available=count(asked.get("original"), f"n-samples.{name}.original"),
        version=version or 1,
        shots=shots or 0,
        data=where,
        card=CARD,
        unread=tuple(metric_name(*key) for key, value in _keys(results) if finite(value) is None),
    )


def _numbers(results: Mapping[str, Any], config: Mapping[str, Any], judged: Collection[str]) -> Iterator[ForeignNumber]:
    """Every number, with its standard error."""
    listed = [table(one, "a metric") for one in items(config.get("metric_list"), "metric_list")]
    means = {str(one.get("metric")) for one in listed if one.get("aggregation") == "mean"}
    for (metric, chosen), value in _keys(results):
        number = finite(value)
        if number is None:
            continue
        name = metric_name(metric, chosen)
        error = finite(results.get(f"{metric}_stderr,{chosen}"))
        yield ForeignNumber(metric=name, value=number, error=error, mean=metric in means and name in judged)


def _keys(results: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], object]]:
    """(metric, filter) and what stands there, of everything but standard errors."""
    for key, value in results.items():
        metric, comma, chosen = key.partition(",")
        if comma and not metric.endswith("_stderr"):
            yield (metric, chosen), value


def _metric(name: str, task: str, page: Mapping[str, Any], examples: Sequence[ForeignExample]) -> Metric:
    plain = name.partition(",")[0]
    if plain in CORPUS:
        return replace(CORPUS[plain], name=name)
    directions = table(table(page.get("higher_is_better"), "higher_is_better").get(task), f"higher_is_better.{task}")
    better: Better = "lower" if directions.get(plain) is False else "higher"
    return mean_of(name, examples, better=better)
