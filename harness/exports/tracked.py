"""A run as trackers of experiments take it: settings as texts, and numbers by names that each of them allows."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.exports.records import StoredRun
from harness.hidden import hidden, hidden_in
from harness.types import Estimate

PROJECT = "harness"
"""The experiment or project that runs are put into."""
LONGEST = 200
"""Characters of a name, to which ``:clusters`` and the like are added; MLflow allows 250."""
FOREIGN = re.compile(r"[^A-Za-z0-9_\-. /]")
"""What MLflow allows in no name, nor anywhere but where we put it: a colon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A finished run without a secret or a folder. ``started`` and ``finished`` are seconds since 1970.

    ``numbers``: the value of every estimate that has one by ``TASK/METRIC``, of a slice ``TASK/METRIC/SLICE``, with
    ``:low``, ``:high``, ``:n``, ``:clusters`` and ``:failed`` beside it.
    """

    run: str
    model: str
    started: float
    finished: float
    settings: Mapping[str, str]
    numbers: Mapping[str, float]


Tracker = Callable[[Tracked, Path], Path | str]
"""Puts a run below a folder, or where the tracker's own settings say, unless it is there; gives the place."""


def tracked(stored: StoredRun) -> Tracked:
    """What a tracker is given of a run."""
    run = stored.run
    return Tracked(
        run=run.id,
        model=hidden(stored.model),
        started=datetime.fromisoformat(run.started).timestamp(),
        finished=datetime.fromisoformat(run.finished or run.started).timestamp(),
        settings=_settings(stored),
        numbers=_numbers(stored.estimates),
    )


def missing(package: str, extra: str) -> UsageError:
    """What is raised for a form whose package is not installed."""
    return UsageError(f"--to {extra} needs {package}: pip install '.[{extra}]' in the checkout of harness")


def names_of(estimates: Iterable[Estimate]) -> dict[str, Estimate]:
    """Every estimate by a name that all trackers allow; where two would be called the same, the later ends in ``_``."""
    named: dict[str, Estimate] = {}
    for e in estimates:
        parts = (e.task, e.metric) if e.slice == "all" else (e.task, e.metric, e.slice)
        name = _allowed("/".join(parts))
        while name in named:
            name += "_"
        named[name] = e
    return named


def _allowed(name: str) -> str:
    plain = FOREIGN.sub("_", hidden(name).replace("@", "_at_"))
    return "/".join(part for part in plain.split("/") if part.strip("."))[:LONGEST].rstrip("/")


def _numbers(estimates: Iterable[Estimate]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name, e in names_of(estimates).items():
        ends = {name: e.value, f"{name}:low": e.low, f"{name}:high": e.high}
        numbers |= {key: value for key, value in ends.items() if value is not None and math.isfinite(value)}
        numbers |= {f"{name}:n": e.n, f"{name}:clusters": e.clusters, f"{name}:failed": e.failed}
    return numbers


def _settings(stored: StoredRun) -> dict[str, str]:
    """The model, how it was asked, and the version and data of every task."""
    run = stored.run
    about: dict[str, Any] = {"model": stored.model, **run.settings}
    about |= {f"{package} version": version for package, version in run.versions.items()}
    for task in run.tasks:
        about |= {f"{task.name}/version": task.version, f"{task.name}/data_sha256": task.data_sha256}
    bare = {name: hidden_in(value) for name, value in about.items()}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in bare.items()}
    return {_allowed(name): text for name, text in texts.items() if text}
