"""Logs of inspect: JSON, or ``.eval``, a zip of a header and, for each sample, one entry or a folder of chunks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import DataError, quoted
from harness.imports.fields import amount, count, finite, iso, items, needed, table, text
from harness.imports.inspect_samples import examples_of, names_of
from harness.imports.metrics import mean_of
from harness.imports.records import ForeignNumber, ForeignRun, ForeignTask
from harness.reading.archive import Archive, open_archive
from harness.reading.text import decoded, json_object
from harness.types import Settings

FORMAT = "inspect"
NEWEST = 3
"""The newest version of a log; 3 has samples in chunks."""
SAMPLE = re.compile(r"samples/(.+)_epoch_(\d+)(?:\.json|/sample\.json)")
"""A sample in one entry, or the first of its chunks."""
SPREADS = ("stderr", "std", "var", "ci")
"""What a scorer reports of the spread of its number, not a number of its own."""
MEANS = ("accuracy", "mean")
PLAIN = ("", "mean")
"""How the epochs of a sample are put together where a metric is the mean of all answers."""


def recognises(page: Mapping[str, Any]) -> bool:
    """Whether a JSON page is a log."""
    return {"eval", "status", "plan"} <= page.keys()


def read_archive(path: Path) -> ForeignRun:
    """The run of an ``.eval`` file. Raises DataError."""
    with open_archive(path, "log of inspect") as archive:
        if "header.json" not in archive.names:
            raise DataError(f"{path}: is no log of inspect that was finished: it has no header.json")
        return read(path, _entry(archive, "header.json", path), list(_samples(archive, path)))


def _samples(archive: Archive, path: Path) -> Iterator[Mapping[str, Any]]:
    for name in sorted(name for name in archive.names if SAMPLE.fullmatch(name)):
        yield _entry(archive, name, path)


def _entry(archive: Archive, name: str, path: Path) -> dict[str, Any]:
    return json_object(decoded(archive.read(name), path), f"{path}: {name}", constants=True)


def read(path: Path, page: Mapping[str, Any], samples: Sequence[object] | None = None) -> ForeignRun:
    """The run that a log tells of; ``samples`` are its own where it holds them itself. Raises DataError."""
    version = page.get("version", 2)
    if type(version) is not int or not 1 <= version <= NEWEST:
        raise DataError(f"{path}: a log of version {quoted(version, 40)}; this program reads 1 to {NEWEST}")
    about = table(page["eval"], "eval")
    config = table(about.get("config"), "eval.config")
    status = needed(page["status"], "status")
    rows = [table(one, "a sample") for one in (items(page.get("samples"), "samples") if samples is None else samples)]
    stats = table(page.get("stats"), "stats")
    started = iso(about.get("created"), "eval.created")
    model = needed(about.get("model"), "eval.model")
    limit = amount(config.get("limit"))
    error = text(table(page.get("error"), "error").get("message"), "error.message")
    done = status == "success"
    return ForeignRun(
        format=FORMAT,
        release=str(table(about.get("packages"), "eval.packages").get("inspect_ai", "unknown")),
        model=model,
        fingerprint={"model": model},
        tasks=(_task(about, table(page.get("results"), "results"), rows),),
        started=started,
        finished=iso(stats["completed_at"], "stats.completed_at") if stats.get("completed_at") else started,
        settings=Settings(limit=limit, limit_order="first"),
        status="finished" if done else "failed",
        message="" if done else f"inspect ended it as {status}" + (f": {error[:300]}" if error else ""),
    )


def _task(about: Mapping[str, Any], results: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> ForeignTask:
    version = amount(about.get("task_version"))
    data = table(about.get("dataset"), "eval.dataset")
    scores = [table(one, "a score") for one in items(results.get("scores"), "results.scores")]
    several = len({needed(score.get("name"), "the name of a score") for score in scores}) > 1
    numbers: list[ForeignNumber] = []
    columns, unread = {}, []
    for score in scores:
        scorer = needed(score.get("name"), "the name of a score")
        reducer = text(score.get("reducer"), "the reducer of a score")
        behind = "" if reducer in PLAIN else f",{reducer}"  # no sample shows pass_at_2: its value is of one epoch
        for metric, value in table(score.get("metrics"), "metrics").items():
            if metric.rpartition("/")[2] in SPREADS:
                continue
            name = (f"{scorer}:{metric}" if several else metric) + behind
            while name in columns:
                name = f"{name} {len(numbers) + 1}"
            number = _number(name, metric, score, value)
            if number:
                numbers.append(number)
                columns[name] = scorer
            else:
                unread.append(name)
    examples = examples_of(rows, names_of(columns, numbers, MEANS))
    return ForeignTask(
        name=needed(about.get("task"), "eval.task"),
        metrics=tuple(mean_of(number.metric, examples) for number in numbers),
        examples=tuple(examples),
        numbers=tuple(numbers),
        n=count(results.get("total_samples"), "results.total_samples"),
        available=_available(data, about),
        version=version or 1,
        data=text(data.get("name"), "dataset.name"),
        unread=tuple(unread),
    )


def _number(name: str, metric: str, score: Mapping[str, Any], value: object) -> ForeignNumber | None:
    """A metric of a scorer; its standard error stands beside the mean."""
    number = finite(table(value, f"metric {metric}").get("value"))
    if number is None:
        return None
    plain = metric.rpartition("/")[2] in MEANS
    spread = table(table(score.get("metrics"), "metrics").get("stderr"), "stderr").get("value") if plain else None
    scored = count(score.get("scored_samples"), "scored_samples")
    return ForeignNumber(metric=name, value=number, error=finite(spread), n=scored)


def _available(data: Mapping[str, Any], about: Mapping[str, Any]) -> int | None:
    """How many answers the whole dataset asks for."""
    own = count(data.get("samples"), "dataset.samples")
    epochs = amount(table(about.get("config"), "eval.config").get("epochs"))
    return None if own is None else own * (epochs or 1)
