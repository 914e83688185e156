"""The leaderboard: the newest numbers of every model on every definition of a task, with the ranks it may have."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, Subquery, func, select

from harness.store.database import reading
from harness.store.lookup import metrics
from harness.store.queries.tasks import definitions
from harness.store.schema import MODELS, RESULTS, RUNS, TASKS
from harness.store.store import Store
from harness.types import Better, MetricRecord

DEFINED = ("task_id", "name", "version", "shots")
Interval = tuple[float | None, float | None, float | None]
"""Value, low, high."""


@dataclass(frozen=True, slots=True)
class LeaderboardFilter:
    """Which numbers are ranked; empty: all of them. ``model`` is looked for in the model's name."""

    tasks: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    model: str = ""
    slice: str = "all"


@dataclass(frozen=True, slots=True)
class Standing:
    """One number of the newest finished run of a model on a definition of a task.

    ``rank`` is the range of ranks that it may have ("2-4") among the models that were asked the same: same version,
    data and few-shot examples; "-" without an interval. The average of a group has neither shots nor version.
    """

    task: str
    metric: str
    model: str
    value: float | None
    low: float | None
    high: float | None
    rank: str
    n: int
    failed: int
    shots: int | None
    version: int | None
    run: str


EVERYTHING = LeaderboardFilter()


def page(
    store: Store, wanted: LeaderboardFilter = EVERYTHING, *, limit: int | None = None, offset: int = 0
) -> tuple[list[Standing], int]:
    """Rows of the leaderboard from ``offset`` on, and how many there are in all: by task, metric and value."""
    newest = _newest(wanted.tasks)
    query = _numbers(newest, wanted)
    order = (RESULTS.c.task, RESULTS.c.metric, newest.c.task_id, RESULTS.c.value.desc(), MODELS.c.name, newest.c.id)
    with reading(store.engine) as connection:
        rows = connection.execute(query.order_by(*order).limit(limit).offset(offset)).all()
        total, rivals = len(rows), rows
        task_ids = {row.task_id for row in rows}
        if limit is not None or offset:
            total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
        if rows and (limit is not None or offset or wanted.model):  # others than those shown may be ahead of them
            everybody = _everybody(wanted, rows)
            everyone = _newest(everybody.tasks)
            query = _numbers(everyone, everybody).where(everyone.c.task_id.in_(task_ids))
            rivals = connection.execute(query).all()
        tasks = connection.execute(select(TASKS.c.id, TASKS.c.metrics).where(TASKS.c.id.in_(task_ids))).all()
        rules = {(task.id, metric.name): metric for task in tasks for metric in metrics(task.metrics)}
        ranks = _ranks(rivals, rules)
        standings = [
            Standing(task, metric, model, value, low, high, ranks[task_id, metric, run], n, failed, shots, version, run)
            for task, metric, model, value, low, high, n, failed, shots, version, run, task_id in rows
        ]
    return standings, int(total)


def _everybody(wanted: LeaderboardFilter, rows: Sequence[Row[Any]]) -> LeaderboardFilter:
    """What finds all models' numbers of the tasks and metrics of these rows."""
    tasks, metrics = {row.task for row in rows}, {row.metric for row in rows}
    return LeaderboardFilter(tuple(sorted(tasks)), tuple(sorted(metrics)), "", wanted.slice)


def slices(store: Store) -> list[str]:
    """The slices that the leaderboard has numbers of."""
    query = _joined(_newest(), (RESULTS.c.slice,)).where(RESULTS.c.slice != "all").distinct()
    with reading(store.engine) as connection:
        return sorted(connection.execute(query).scalars())


def _newest(tasks: Sequence[str] = ()) -> Subquery:
    """(id, model_id, task_id, name, version, shots): the newest finished run of a model with a definition of a task.

    First the newest run of every model and set of tasks, which are few, then of every task in them.
    """
    by_time = [RUNS.c.started.desc(), RUNS.c.id.desc()]
    repeat = func.row_number().over(partition_by=[RUNS.c.model_id, RUNS.c.task_set], order_by=by_time).label("repeat")
    finished = select(RUNS.c.id, RUNS.c.model_id, RUNS.c.started, RUNS.c.task_set, repeat)
    runs = finished.where(RUNS.c.status == "finished").subquery()
    defined = definitions()
    rank = func.row_number().over(
        partition_by=[runs.c.model_id, defined.c.task_id], order_by=[runs.c.started.desc(), runs.c.id.desc()]
    )
    ranked = (
        select(runs.c.id, runs.c.model_id, *(defined.c[name] for name in DEFINED), rank.label("rank"))
        .join(defined, defined.c.task_set == runs.c.task_set)
        .where(runs.c.repeat == 1)
    )
    rows = (ranked.where(defined.c.name.in_(tasks)) if tasks else ranked).subquery()
    return select(rows).where(rows.c.rank == 1).subquery()


def _joined(newest: Subquery, columns: Sequence[Any]) -> Select[Any]:
    return (
        select(*columns)
        .select_from(newest)
        .join(RESULTS, (RESULTS.c.run_id == newest.c.id) & (RESULTS.c.task == newest.c.name))
    )


def _numbers(newest: Subquery, wanted: LeaderboardFilter) -> Select[Any]:
    r = RESULTS.c
    columns = (
        r.task,
        r.metric,
        MODELS.c.name.label("model"),
        r.value,
        r.low,
        r.high,
        r.n,
        r.failed,
        newest.c.shots,
        newest.c.version,
        newest.c.id.label("run"),
        newest.c.task_id,
    )
    query = _joined(newest, columns).join(MODELS, MODELS.c.id == newest.c.model_id).where(r.slice == wanted.slice)
    if wanted.tasks:
        query = query.where(r.task.in_(wanted.tasks))
    if wanted.metrics:
        query = query.where(r.metric.in_(wanted.metrics))
    if wanted.model:
        query = query.where(func.lower(MODELS.c.name).contains(wanted.model.lower(), autoescape=True))
    return query


def _ranks(
    rivals: Sequence[Row[Any]], rules: Mapping[tuple[str, str], MetricRecord]
) -> dict[tuple[str, str, str], str]:
    """Ranks by (task_id, metric, run)."""
    groups: dict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    for row in rivals:
        groups[row.task_id, row.metric].append(row)
    ranks: dict[tuple[str, str, str], str] = {}
    for key, group in groups.items():
        rule = rules.get(key)  # none for the average of a group
        intervals = [(row.value, row.low, row.high) for row in group]
        ranges = rank_ranges(intervals, rule.better, rule.ideal) if rule else rank_ranges(intervals)
        ranks |= {(*key, row.run): rank for row, rank in zip(group, ranges, strict=True)}
    return ranks


def rank_ranges(intervals: Sequence[Interval], better: Better = "higher", ideal: float | None = None) -> list[str]:
    """The ranks that each number may have: another is ahead only where its whole interval is better.

    "-" for a number that is undefined or has no interval.
    """
    spans = [_badness(interval, better, ideal) for interval in intervals]
    lows, highs = sorted(span[0] for span in spans if span), sorted(span[1] for span in spans if span)
    return ["-" if span is None else _range(span, lows, highs) for span in spans]


def _range(span: tuple[float, float], lows: Sequence[float], highs: Sequence[float]) -> str:
    """Behind all that end before it begins, before all that begin after it ends."""
    best, worst = 1 + bisect_left(highs, span[0]), bisect_right(lows, span[1])
    return str(best) if best == worst else f"{best}-{worst}"


def _badness(interval: Interval, better: Better, ideal: float | None) -> tuple[float, float] | None:
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
