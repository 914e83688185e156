"""Numbers across runs: the table of all results and the latest standing of every model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Subquery, func, select

from harness.store.schema import MODELS, RESULTS, RUNS, TASK_SETS, TASKS
from harness.types import Estimate

COLUMNS = (
    "run", "model", "started", "task", "metric", "slice", "value", "low", "high", "n", "clusters", "failed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """One number of the newest finished run of a model on a task."""

    model: str
    run_id: str
    started: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Which:
    """Which numbers; None: all of them. ``runs`` are ids."""

    runs: Sequence[str] | None = None
    model: str | None = None
    task: str | None = None
    metric: str | None = None
    slice: str | None = None


def table(connection: Connection, which: Which) -> list[tuple[Any, ...]]:
    """Rows of COLUMNS, newest run first, in the order in which a run made them."""
    r = RESULTS.c
    query = (
        select(RUNS.c.id, MODELS.c.name, RUNS.c.started, *_numbers())
        .select_from(RESULTS)
        .join(RUNS, r.run_id == RUNS.c.id)
        .join(MODELS, RUNS.c.model_id == MODELS.c.id)
        .order_by(RUNS.c.started.desc(), RUNS.c.id.desc(), r.position)
    )
    return [tuple(row) for row in connection.execute(_only(query, which))]


def leaderboard(connection: Connection, which: Which) -> list[Standing]:
    """For every model (by fingerprint) and task the numbers of the newest finished run, by task, metric and model."""
    newest = _newest(which.task)
    r = RESULTS.c
    query = (
        select(MODELS.c.name, newest.c.id, newest.c.started, *_numbers())
        .select_from(newest)
        .join(RESULTS, (r.run_id == newest.c.id) & (r.task == newest.c.task))
        .join(MODELS, MODELS.c.id == newest.c.model_id)
        .where(newest.c.rank == 1)
        .order_by(r.task, r.metric, r.slice, MODELS.c.name)
    )
    return [Standing(row[0], row[1], row[2], Estimate(*row[3:])) for row in connection.execute(_only(query, which))]


def _newest(task: str | None) -> Subquery:
    """(id, model_id, started, task, rank): rank 1 is the newest finished run of that model with that task.

    First the newest run of every model and set of tasks, which are few, then of every task in them.
    """
    by_time = [RUNS.c.started.desc(), RUNS.c.id.desc()]
    repeat = func.row_number().over(partition_by=[RUNS.c.model_id, RUNS.c.task_set], order_by=by_time).label("repeat")
    finished = select(RUNS.c.id, RUNS.c.model_id, RUNS.c.started, RUNS.c.task_set, repeat)
    runs = finished.where(RUNS.c.status == "finished").subquery()
    by_time = [runs.c.started.desc(), runs.c.id.desc()]
    rank = func.row_number().over(partition_by=[runs.c.model_id, TASKS.c.name], order_by=by_time).label("rank")
    ranked = (
        select(runs.c.id, runs.c.model_id, runs.c.started, TASKS.c.name.label("task"), rank)
        .select_from(runs)
        .join(TASK_SETS, TASK_SETS.c.id == runs.c.task_set)
        .join(TASKS, TASK_SETS.c.task_id == TASKS.c.id)
        .where(runs.c.repeat == 1)
    )
    return (ranked if task is None else ranked.where(TASKS.c.name == task)).subquery()


def _numbers() -> list[Any]:
    return [RESULTS.c[name] for name in COLUMNS[3:]]


def _only(query: Select[Any], which: Which) -> Select[Any]:
    if which.runs is not None:
        query = query.where(RESULTS.c.run_id.in_(which.runs))
    if which.model is not None:
        query = query.where(MODELS.c.name == which.model)
    for name, value in (("task", which.task), ("metric", which.metric), ("slice", which.slice)):
        if value is not None:
            query = query.where(RESULTS.c[name] == value)
    return query
