"""Rows of the catalogue as runs and numbers; every function works inside its caller's transaction."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, select

from harness.errors import DataError, StoreError, quoted
from harness.reading.typed import built, taken
from harness.store.database import alive
from harness.store.schema import MODELS, RESULTS, RUNS, TAGS, TASK_SETS, TASKS
from harness.types import EnergyUse, Estimate, MetricRecord, Run, TaskRecord

T = TypeVar("T")

CHUNK = 500
"""Ids in one IN clause: SQLite allows 32,766 parameters, and a long list is planned badly."""

MOST = 2**31 - 1
"""The largest limit of a query; whoever asks for more asks for all."""


def find(
    connection: Connection,
    *,
    model: str | None = None,
    task: str | None = None,
    status: str | None = None,
    tag: str | None = None,
    ids: Sequence[str] | None = None,
    limit: int | None = None,
) -> list[Run]:
    """Runs that fit every filter, newest first."""
    query = select(RUNS, MODELS.c.name.label("model"), MODELS.c.fingerprint).join(MODELS)
    query = query.order_by(RUNS.c.started.desc(), RUNS.c.id.desc())
    if model is not None:
        query = query.where(MODELS.c.name == model)
    if task is not None:
        having = select(TASK_SETS.c.id).join(TASKS).where(TASKS.c.name == task)
        query = query.where(RUNS.c.task_set.in_(having))
    if tag is not None:
        query = query.where(RUNS.c.id.in_(select(TAGS.c.run_id).where(TAGS.c.name == tag)))
    if ids is not None:
        query = query.where(RUNS.c.id.in_(ids))
    if status is not None:  # one that is entered as running may turn out to be interrupted
        query = query.where(RUNS.c.status.in_({status, "running"} if status == "interrupted" else {status}))
    limit = None if limit is None else min(limit, MOST)
    if limit is not None and status not in ("running", "interrupted"):
        query = query.limit(limit)
    rows = [row for row in connection.execute(query) if status in (None, _status(row))][:limit]
    sets = _task_sets(connection, {row.task_set for row in rows})
    return [_run(row, sets.get(row.task_set, ())) for row in rows]


def one(connection: Connection, run_id: str) -> Run:
    """The run with this id. Raises StoreError where what the catalogue has of it does not hang together."""
    runs = find(connection, ids=[run_id])
    if not runs:
        raise StoreError(f"the catalogue is damaged: run {quoted(run_id)} has no model in it")
    return runs[0]


def _task_sets(connection: Connection, set_ids: set[str]) -> dict[str, tuple[TaskRecord, ...]]:
    """What was asked, by the id of the set."""
    link, wanted = TASK_SETS.c, sorted(set_ids)
    sets: dict[str, tuple[TaskRecord, ...]] = {}
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        query = select(link.id, link.task_id, link.data_source, link.n, link.shots, link.shots_source, link.available)
        links = connection.execute(query.where(link.id.in_(chunk)).order_by(link.id, link.position)).all()
        needed = select(TASKS).where(TASKS.c.id.in_(select(link.task_id).where(link.id.in_(chunk))))
        definitions = {
            row.id: (row, metrics(row.metrics, row.name)) for row in connection.execute(needed)
        }  # many runs share one
        for set_id, *how in links:
            if how[0] not in definitions:
                raise StoreError(f"the catalogue is damaged: task {quoted(how[0], 80)} of a run is not in it")
            sets[set_id] = (*sets.get(set_id, ()), _task(*definitions[how[0]], tuple(how)))
    return sets


def _task(row: Row[Any], metrics: tuple[MetricRecord, ...], how: tuple[Any, ...]) -> TaskRecord:
    return _sound(
        TaskRecord,
        name=row.name,
        version=row.version,
        fingerprint=row.fingerprint,
        data_sha256=row.data_sha256,
        data_source=how[1],
        n=how[2],
        shots=how[3],
        shots_source=how[4],
        available=how[5],
        card=row.card,
        metrics=metrics,
        scorer=row.scorer,
    )


def _sound(kind: type[T], **fields: Any) -> T:
    """A record of the catalogue. Raises StoreError where what is stored cannot be one."""
    try:
        return built(kind, fields, f"{kind.__name__.lower()} {fields.get('id', fields.get('name', ''))!s:.80}")
    except DataError as error:
        raise StoreError(f"the catalogue is damaged: {error}") from error


def mapping(cell: object) -> Mapping[str, Any]:
    """A cell that holds names and values. Raises StoreError for one that does not."""
    if not isinstance(cell, Mapping):
        raise StoreError(f"the catalogue is damaged: {quoted(cell, 80)} is no table of names and values")
    return cell


def energy(cell: object) -> EnergyUse | None:
    """What a run has taken, None where no meter was read. Raises StoreError for a cell that holds something else."""
    return None if cell is None else _sound(EnergyUse, **mapping(cell))


def metrics(cell: object, task: object = "") -> tuple[MetricRecord, ...]:
    """What is kept of a task's metrics. Raises StoreError, which names the task, for a cell that holds none."""
    try:
        kept: tuple[MetricRecord, ...] = taken(cell, tuple[MetricRecord, ...], "metrics")
    except DataError as error:
        owner = f"task {task!s:.80}: " if task else ""
        raise StoreError(f"the catalogue is damaged: {owner}{error}") from error
    return kept


def _run(row: Row[Any], tasks: tuple[TaskRecord, ...]) -> Run:
    status = _status(row)
    message = row.message
    if status != row.status:
        message = f"process {row.pid} on {row.host} is gone"
    return _sound(
        Run,
        id=row.id,
        model=row.model,
        fingerprint=_told(row.fingerprint, str),
        tasks=tasks,
        settings=row.settings,
        versions=_told(row.versions, str),
        command=row.command,
        started=row.started,
        finished=row.finished,
        status=status,
        message=message,
        engine=_told(row.engine, str | float | int),
        training=row.training,
        energy=row.energy,
        recipe=row.recipe,
        imported=row.imported,
        left_out=row.left_out,
        source=_told(row.source, str),
        family=row.family,
        step=row.step,
        bundle=row.bundle,
    )


def _told(value: Any, kinds: Any) -> Any:
    """A table whose values of other kinds, which a plug-in may have entered, are written as JSON."""
    if not isinstance(value, Mapping):
        return value
    return {k: v if isinstance(v, kinds) and not isinstance(v, bool) else json.dumps(v) for k, v in value.items()}


def _status(row: Row[Any]) -> str:
    """A run whose process died without a word is interrupted, whatever its row says."""
    if row.status == "running" and not alive(row.host, row.pid, row.born):
        return "interrupted"
    return str(row.status)


def estimates(connection: Connection, run_id: str) -> list[Estimate]:
    """The numbers of one run in the order in which they were made."""
    r = RESULTS.c
    query = select(r.task, r.metric, r.slice, r.value, r.low, r.high, r.n, r.clusters, r.failed)
    rows = connection.execute(query.where(r.run_id == run_id).order_by(r.position))
    return [_sound(Estimate, **row) for row in rows.mappings()]
