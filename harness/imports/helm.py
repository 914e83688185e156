"""A run folder of HELM: ``run_spec.json``, ``scenario_state.json``, ``per_instance_stats.json`` and ``stats.json``."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import DataError
from harness.imports.fields import amount, finite, items, moment, needed, read_items, read_page, table, text
from harness.imports.helm_samples import examples_of
from harness.imports.metrics import mean_of
from harness.imports.records import CARD, ForeignExample, ForeignNumber, ForeignRun, ForeignTask
from harness.types import Settings

FORMAT = "HELM"
SPEC, STATE, VALUES, STATS = "run_spec.json", "scenario_state.json", "per_instance_stats.json", "stats.json"
BOOKS = re.compile(
    r"num_.*|.*_cost|.*_runtime(_.*)?|inference_.*|batch_size|finish_reason_.*|prompt_truncated|max_prob|predicted_index"
    r"|logprob.*|perplexity|bits_per_byte"
)
"""What HELM counts of a run beside its scores: tokens, seconds, and likelihoods that a server may not give."""

_Stat = tuple[str, str, Mapping[str, Any]]


def recognises(folder: Path) -> bool:
    """Whether a folder is one of its runs."""
    return (folder / SPEC).is_file()


def read(folder: Path) -> ForeignRun:
    """The run in a folder. Raises DataError where one of its four files is missing or is not what it should be."""
    kind = "file of a HELM run"
    spec = read_page(folder / SPEC, kind)
    adapter = table(spec.get("adapter_spec"), "adapter_spec")
    states = [table(one, "a request") for one in items(read_page(folder / STATE, kind).get("request_states"), "states")]
    values = _values(read_items(folder / VALUES, kind))
    stats = list(_stats(read_items(folder / STATS, kind)))
    if not states:
        raise DataError(f"{folder / STATE}: no request was made")
    model = needed(adapter.get("model"), "adapter_spec.model")
    times = [finite(table(one.get("result"), "result").get("request_datetime")) for one in states]
    asked = sorted(time for time in times if time is not None)
    most = amount(adapter.get("max_eval_instances"))
    return ForeignRun(
        format=FORMAT,
        release="unknown",
        model=model,
        fingerprint={"model": model, "deployment": text(adapter.get("model_deployment"), "model_deployment")},
        tasks=(_task(spec, adapter, examples_of(states, values), stats),),
        started=moment(asked[0] if asked else (folder / STATE).stat().st_mtime),
        finished=moment(asked[-1] if asked else (folder / STATE).stat().st_mtime),
        settings=Settings(limit=most),
    )


def task_name(name: str) -> str:
    """The name of a run without its model: "mmlu:subject=philosophy,model=openai_gpt2" -> "mmlu:subject=philosophy"."""
    scenario, _, options = name.partition(":")
    kept = [part for part in options.split(",") if part and not part.startswith(("model=", "model_deployment="))]
    return f"{scenario}:{','.join(kept)}" if kept else scenario


def _values(rows: Sequence[Any]) -> dict[tuple[str, int], dict[str, float]]:
    """The scores of every instance and trial that was asked as it is."""
    values: dict[tuple[str, int], dict[str, float]] = {}
    for row in rows:
        one = table(row, "an instance")
        if one.get("perturbation"):
            continue
        trial = amount(one.get("train_trial_index")) or 0
        key = (needed(one.get("instance_id"), "instance_id"), trial)
        own = values.setdefault(key, {})
        for name, _, stat in _stats(items(one.get("stats"), "stats")):
            value = finite(stat.get("mean"))
            if value is not None and not BOOKS.fullmatch(name):
                own[name] = value
    return values


def _stats(rows: Sequence[Any]) -> Iterator[_Stat]:
    """(name, split, statistic) of what is about instances as they are."""
    for row in rows:
        stat = table(row, "a statistic")
        name = table(stat.get("name"), "the name of a statistic")
        if not name.get("perturbation"):
            yield needed(name.get("name"), "the name of a statistic"), text(name.get("split"), "split"), stat


def _numbers(stats: Sequence[_Stat]) -> Iterator[ForeignNumber]:
    counts = {split: amount(stat.get("mean")) for name, split, stat in stats if name == "num_instances"}
    for name, split, stat in stats:
        value = finite(stat.get("mean"))
        if value is None or BOOKS.fullmatch(name):
            continue
        n = counts.get(split)
        yield ForeignNumber(metric=name, value=value, n=n, slice=f"split={split}" if split else "all", mean=True)


def _task(
    spec: Mapping[str, Any],
    adapter: Mapping[str, Any],
    examples: Sequence[ForeignExample],
    stats: Sequence[_Stat],
) -> ForeignTask:
    numbers = tuple(_numbers(stats))
    names = dict.fromkeys(number.metric for number in numbers)
    shots = amount(adapter.get("max_train_instances"))
    scenario = table(spec.get("scenario_spec"), "scenario_spec")
    return ForeignTask(
        name=task_name(needed(spec.get("name"), "name")),
        metrics=tuple(mean_of(name, examples) for name in names),
        examples=tuple(examples),
        numbers=numbers,
        n=len(examples),
        shots=shots or 0,
        data=text(scenario.get("class_name"), "class_name").rpartition(".")[2],
        card=CARD,
        unread=tuple(
            f"{name} on {split}"
            for name, split, stat in stats
            if "mean" in stat and finite(stat["mean"]) is None and not BOOKS.fullmatch(name)
        ),
    )
