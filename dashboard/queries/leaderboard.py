"""The leaderboard, paged in SQL: newest numbers of every model on what was asked, with the ranks it may have."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Select, Subquery, func, select

from harness.store import Store
from harness.store.database import reading
from harness.store.schema import MODELS, RESULTS, RUNS, TASKS
from harness_dashboard.queries.asked import asked
from harness_dashboard.queries.runs import short

ASKED = ("task_id", "name", "version", "shots")
PAGE = 200
"""The most rows that travel to a browser at once."""

COLUMNS = ("task", "metric", "model", "value", "low", "high", "rank", "n", "failed", "shots", "version", "run")
Interval = tuple[float | None, float | None, float | None]
"""Value, low, high."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which numbers; empty: all of them. ``model`` is looked for in the model's name."""

    tasks: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    model: str = ""
    slice: str = "all"


def page(store: Store, wanted: Wanted, number: int = 0, size: int = PAGE) -> tuple[pd.DataFrame, int]:
    """Page ``number`` (from 0) of the leaderboard and how many rows there are in all.

    Ranks are among the models that were asked the same: same version, data and few-shot examples.
    """
    newest = _newest()
    query = _numbers(newest, wanted)
    order = (RESULTS.c.task, RESULTS.c.metric, newest.c.task_id, RESULTS.c.value.desc(), MODELS.c.name, newest.c.id)
    with reading(store.engine) as connection:
        total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
        rows = connection.execute(query.order_by(*order).limit(size).offset(max(number, 0) * size)).all()
        groups = {(row.task_id, row.metric) for row in rows}
        rivals = connection.execute(_rivals(newest, {group[0] for group in groups}, wanted.slice)).all() if rows else []
        rules = connection.execute(select(TASKS.c.id, TASKS.c.metrics).where(TASKS.c.id.in_({g[0] for g in groups})))
        known = {(row[0], str(metric["name"])): metric for row in rules for metric in row[1]}
    ranks = _ranks([row for row in rivals if (row.task_id, row.metric) in groups], known)
    found = [
        (r.task, r.metric, short(r.model), r.value, r.low, r.high, ranks[r.task_id, r.metric, r.run], r.n, r.failed,
         r.shots, r.version, r.run)
        for r in rows
    ]  # fmt: skip
    whole = {"shots": "Int64", "version": "Int64"}  # none for the average of a group
    return pd.DataFrame(found, columns=list(COLUMNS)).astype(whole), int(total)


def everything(store: Store, wanted: Wanted) -> pd.DataFrame:
    """All pages in one frame, for a download."""
    return page(store, wanted, 0, 10_000_000)[0]


def slices(store: Store) -> list[str]:
    """The slices that the leaderboard has numbers of."""
    query = _joined(_newest(), (RESULTS.c.slice,)).where(RESULTS.c.slice != "all").distinct()
    with reading(store.engine) as connection:
        return sorted(connection.execute(query).scalars())


def _newest() -> Subquery:
    """(id, model_id, task_id, name, version, shots): the newest finished run of a model with a definition of a task.

    First the newest run of every model and set of tasks, which are few, then of every task in them.
    """
    by_time = [RUNS.c.started.desc(), RUNS.c.id.desc()]
    repeat = func.row_number().over(partition_by=[RUNS.c.model_id, RUNS.c.task_set], order_by=by_time).label("repeat")
    finished = select(RUNS.c.id, RUNS.c.model_id, RUNS.c.started, RUNS.c.task_set, repeat)
    runs = finished.where(RUNS.c.status == "finished").subquery()
    tasks = asked()
    rank = func.row_number().over(
        partition_by=[runs.c.model_id, tasks.c.task_id], order_by=[runs.c.started.desc(), runs.c.id.desc()]
    )
    ranked = (
        select(runs.c.id, runs.c.model_id, *(tasks.c[name] for name in ASKED), rank.label("rank"))
        .join(tasks, tasks.c.task_set == runs.c.task_set)
        .where(runs.c.repeat == 1)
        .subquery()
    )
    return select(ranked).where(ranked.c.rank == 1).subquery()


def _joined(newest: Subquery, columns: Sequence[Any]) -> Select[Any]:
    return (
        select(*columns)
        .select_from(newest)
        .join(RESULTS, (RESULTS.c.run_id == newest.c.id) & (RESULTS.c.task == newest.c.name))
    )


def _numbers(newest: Subquery, wanted: Wanted) -> Select[Any]:
    r = RESULTS.c
    columns = (
        r.task, r.metric, MODELS.c.name.label("model"), r.value, r.low, r.high, r.n, r.failed, newest.c.shots,
        newest.c.version, newest.c.id.label("run"), newest.c.task_id,
    )  # fmt: skip
    query = _joined(newest, columns).join(MODELS, MODELS.c.id == newest.c.model_id).where(r.slice == wanted.slice)
    if wanted.tasks:
        query = query.where(r.task.in_(wanted.tasks))
    if wanted.metrics:
        query = query.where(r.metric.in_(wanted.metrics))
    if wanted.model:
        query = query.where(func.lower(MODELS.c.name).contains(wanted.model.lower(), autoescape=True))
    return query


def _rivals(newest: Subquery, task_ids: set[str], slice: str) -> Select[Any]:
    r = RESULTS.c
    columns = (newest.c.task_id, r.metric, newest.c.id.label("run"), r.value, r.low, r.high)
    return _joined(newest, columns).where(r.slice == slice, newest.c.task_id.in_(task_ids))


def _ranks(
    rivals: Sequence[Any], rules: Mapping[tuple[str, str], Mapping[str, Any]]
) -> dict[tuple[str, str, str], str]:
    groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in rivals:
        groups[row.task_id, row.metric].append(row)
    found: dict[tuple[str, str, str], str] = {}
    for key, group in groups.items():
        ranks = rank_ranges([(r.value, r.low, r.high) for r in group], rules.get(key, {}))
        found |= {(*key, row.run): rank for row, rank in zip(group, ranks, strict=True)}
    return found


def rank_ranges(intervals: Sequence[Interval], rule: Mapping[str, Any]) -> list[str]:
    """The ranks that each number may have: another is ahead only where its whole interval is better.

    "-" for a number that is undefined or has no interval.
    """
    spans = [_badness(interval, str(rule.get("better", "higher")), rule.get("ideal")) for interval in intervals]
    known = [span for span in spans if span]
    return ["-" if span is None else _range(span, known) for span in spans]


def _range(span: tuple[float, float], known: Sequence[tuple[float, float]]) -> str:
    best = 1 + sum(other[1] < span[0] for other in known)
    worst = len(known) - sum(other[0] > span[1] for other in known)
    return str(best) if best == worst else f"{best}-{worst}"


def _badness(interval: Interval, better: str, ideal: float | None) -> tuple[float, float] | None:
    """Interval of "how bad", so that smaller is ahead."""
    value, low, high = interval
    if value is None or low is None or high is None:
        return None
    if better == "lower":
        return low, high
    if better == "ideal" and ideal is not None:
        ends = sorted((abs(low - ideal), abs(high - ideal)))
        return (0.0 if low <= ideal <= high else ends[0]), ends[1]
    return -high, -low
