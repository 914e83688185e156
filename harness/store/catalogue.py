"""Runs, results, baselines and tags as rows of the catalogue and back; every function works inside its caller's
transaction."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Table, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from harness.errors import DataError, StoreError, UnknownName, UsageError, quoted
from harness.hidden import hidden_in
from harness.reading.typed import built
from harness.store.database import alive, process
from harness.store.samples import Artifact, folder_of
from harness.store.schema import ARTIFACTS, MODELS, RESULTS, RUNS, TAGS, TASK_SETS, TASKS
from harness.types import Estimate, Run, TaskRecord
from harness.visible import whole

T = TypeVar("T")

CHUNK = 500
"""Ids in one IN clause: SQLite allows 32,766 parameters, and a long list is planned badly."""

MOST = 2**31 - 1
"""The largest limit of a query; whoever asks for more asks for all."""

LONGEST = 150
"""Characters of a name in an index: PostgreSQL takes 2,700 bytes for all the names in one entry."""


def begin(connection: Connection, run: Run) -> None:
    """A running row in this process's name. Raises UsageError if the run is finished or another process is at it."""
    known = claim(connection, run.id)
    _save(connection, run, is_new=not known)


def complete(connection: Connection, run: Run, estimates: Sequence[Estimate], artifacts: Iterable[Artifact]) -> None:
    """Everything that a finished run has. Raises UsageError if it was finished before, StoreError for a NaN."""
    known = claim(connection, run.id)
    _save(connection, run, is_new=not known)
    replace_results(connection, run.id, estimates)
    connection.execute(delete(ARTIFACTS).where(ARTIFACTS.c.run_id == run.id))
    add_artifacts(connection, run.id, artifacts)


def add_artifacts(connection: Connection, run_id: str, artifacts: Iterable[Artifact]) -> None:
    """Enter the sample files of a run."""
    rows = [{"run_id": run_id, **asdict(artifact)} for artifact in artifacts]
    if rows:
        connection.execute(insert(ARTIFACTS), rows)


def claim(connection: Connection, run_id: str) -> bool:
    """Whether the catalogue has this run. Raises UsageError if it is finished or another process is surely at it, and
    for an id that cannot be stored.

    A run of another host is believed to be left behind by whoever goes on with it here, where its journal is.
    """
    folder_of(run_id)
    query = select(RUNS.c.status, RUNS.c.host, RUNS.c.pid, RUNS.c.born).where(RUNS.c.id == run_id)
    old = connection.execute(query.with_for_update()).first()
    if old is None:
        return False
    if old.status == "finished":
        raise UsageError(f"run {run_id} is already finished")
    mine = process()
    is_other = old.host == mine["host"] and old.pid != mine["pid"]
    if old.status == "running" and is_other and alive(old.host, old.pid, old.born):
        raise UsageError(f"run {run_id} is being written by process {old.pid} on {old.host}")
    return True


def hold(connection: Connection, run_id: str, *, alone: bool = False) -> str:
    """Let nobody remove a run before this transaction ends; ``alone``: nor point anything to it. Raises UnknownName."""
    query = select(RUNS.c.id).where(RUNS.c.id == run_id)
    found = connection.execute(query.with_for_update(read=not alone, key_share=not alone)).first()
    if found is None:
        raise UnknownName("run", run_id, connection.execute(select(RUNS.c.id)).scalars())
    return run_id


def replace_results(connection: Connection, run_id: str, estimates: Sequence[Estimate]) -> None:
    """The numbers of a run in place of those it had. Raises StoreError for a value that is no number."""
    for e in estimates:
        if any(x is not None and math.isnan(x) for x in (e.value, e.low, e.high)):
            raise StoreError(f"run {run_id}: {e.task} {e.metric} on {e.slice} is not a number; it is not stored")
    connection.execute(delete(RESULTS).where(RESULTS.c.run_id == run_id))
    rows = [
        {"run_id": run_id, "position": i, **asdict(e), "task": whole(e.task), "metric": _indexed(e.metric),
         "slice": _indexed(e.slice)}
        for i, e in enumerate(estimates)
    ]  # fmt: skip
    if rows:
        connection.execute(insert(RESULTS), rows)


def end(connection: Connection, run_id: str, status: str, message: str, at: str) -> None:
    """Mark a run failed or interrupted. Raises UnknownName if it was never begun, UsageError as ``begin`` does."""
    if not claim(connection, run_id):
        raise UnknownName("run", run_id, connection.execute(select(RUNS.c.id)).scalars())
    values = {"status": status, "message": hidden_in(whole(message)), "finished": at}
    connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(values))


def insert_once(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows whose key is a hash of their content, leaving those that are there already."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    if rows:  # in the order of their keys, so that two transactions cannot wait for each other in a circle
        ordered = sorted(rows, key=lambda row: str(row["id"]))
        connection.execute(make(table).on_conflict_do_nothing(), [dict(row) for row in ordered])


def _save(connection: Connection, run: Run, *, is_new: bool) -> None:
    model = {"name": _plain(run.model), "fingerprint": _plain(dict(run.fingerprint))}
    model_id = _hash(model)
    insert_once(connection, MODELS, [{"id": model_id, **model}])
    row = {
        "model_id": model_id,
        "task_set": _save_tasks(connection, run),
        "settings": _plain(dict(run.settings)),
        "versions": _plain(dict(run.versions)),
        "engine": _plain(dict(run.engine)),
        "training": _finite(run),
        "command": _plain(run.command),
        "asked": _plain(dict(run.asked)),
        "imported": run.imported,
        "started": run.started,
        "finished": run.finished,
        "status": run.status,
        "message": _plain(run.message),
        **process(),
    }
    if is_new:
        connection.execute(insert(RUNS), {"id": run.id, **row})
    else:
        connection.execute(update(RUNS).where(RUNS.c.id == run.id).values(row))


def _finite(run: Run) -> dict[str, float]:
    """The scores of fine-tuning. Raises StoreError for one that is no number."""
    for name, value in run.training.items():
        if not math.isfinite(value):
            raise StoreError(f"run {run.id}: the training score {name} is {value}; it is not stored")
    return {whole(name): float(value) for name, value in run.training.items()}


def _save_tasks(connection: Connection, run: Run) -> str:
    """Enter what a run asks, unless it is there; gives the id of the set."""
    tasks, links = [], []
    for position, t in enumerate(run.tasks):
        task = {
            "name": t.name,
            "version": t.version,
            "fingerprint": t.fingerprint,
            "data_sha256": t.data_sha256,
            "card": _plain(asdict(t.card)),
            "metrics": [_plain(dict(m)) for m in t.metrics],
        }
        tasks.append({"id": _hash(task), **task})
        how = {"data_source": _plain(t.data_source), "n": t.n, "shots": t.shots, "shots_source": t.shots_source}
        links.append({"position": position, "task_id": tasks[-1]["id"], **how})
    set_id = _hash(links)
    insert_once(connection, TASKS, tasks)
    insert_once(connection, TASK_SETS, [{"id": set_id, **link} for link in links])
    return set_id


def _hash(record: Mapping[str, Any] | list[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Text and JSON that both databases take, without secrets: PostgreSQL refuses the infinities and NaN, so they go by
    name, and a NUL character; neither of them takes half a surrogate pair."""
    if isinstance(value, str):
        return hidden_in(whole(value))
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {whole(str(k)): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _indexed(name: str) -> str:
    """A name that fits into an index; of a longer one the beginning and a hash of the whole."""
    name = whole(name)
    return name if len(name) <= LONGEST else f"{name[:LONGEST]}… {hashlib.sha256(name.encode()).hexdigest()[:8]}"


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
    if status is not None:  # one that is entered as running may be found to be interrupted
        query = query.where(RUNS.c.status.in_({status, "running"} if status == "interrupted" else {status}))
    limit = None if limit is None else min(limit, MOST)
    if limit is not None and status not in ("running", "interrupted"):
        query = query.limit(limit)
    rows = [row for row in connection.execute(query) if status in (None, _status(row))][:limit]
    sets = _task_sets(connection, {row.task_set for row in rows})
    return [_run(row, sets.get(row.task_set, ())) for row in rows]


def one(connection: Connection, run_id: str) -> Run:
    """The run with this id. Raises StoreError where what the catalogue has of it does not hang together."""
    found = find(connection, ids=[run_id])
    if not found:
        raise StoreError(f"the catalogue is damaged: run {quoted(run_id)} has no model in it")
    return found[0]


def _task_sets(connection: Connection, set_ids: set[str]) -> dict[str, tuple[TaskRecord, ...]]:
    """What was asked, by the id of the set."""
    link, wanted = TASK_SETS.c, sorted(set_ids)
    found: dict[str, tuple[TaskRecord, ...]] = {}
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        query = select(link.id, link.task_id, link.data_source, link.n, link.shots, link.shots_source)
        links = connection.execute(query.where(link.id.in_(chunk)).order_by(link.id, link.position)).all()
        needed = select(TASKS).where(TASKS.c.id.in_(select(link.task_id).where(link.id.in_(chunk))))
        definitions = {row.id: row for row in connection.execute(needed)}
        for set_id, *how in links:
            if how[0] not in definitions:
                raise StoreError(f"the catalogue is damaged: task {quoted(how[0], 80)} of a run is not in it")
            found[set_id] = (*found.get(set_id, ()), _task(definitions[how[0]], tuple(how)))
    return found


def _task(row: Row[Any], how: tuple[Any, ...]) -> TaskRecord:
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
        card=row.card,
        metrics=row.metrics,
    )


def _sound(kind: type[T], **fields: Any) -> T:
    """A record of the catalogue. Raises StoreError where what is stored cannot be one."""
    try:
        return built(kind, fields, f"{kind.__name__.lower()} {fields.get('id', fields.get('name', ''))!s:.80}")
    except DataError as error:
        raise StoreError(f"the catalogue is damaged: {error}") from error


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
        asked=row.asked,
        imported=row.imported,
    )


def _told(found: Any, kinds: Any) -> Any:
    """A table whose values of other kinds, which a plug-in may have given, are told as JSON."""
    if not isinstance(found, Mapping):
        return found
    return {k: v if isinstance(v, kinds) and not isinstance(v, bool) else json.dumps(v) for k, v in found.items()}


def _status(row: Row[Any]) -> str:
    """A run whose process died without a word is interrupted, whatever its row says."""
    if row.status == "running" and not alive(row.host, row.pid, row.born):
        return "interrupted"
    return str(row.status)


def resolve(connection: Connection, name: str) -> str:
    """The id of the run that an id, a tag or the beginning of one id names, in this order. Raises UnknownName."""
    if connection.execute(select(RUNS.c.id).where(RUNS.c.id == name)).first():
        return name
    tagged = connection.execute(select(TAGS.c.run_id).where(TAGS.c.name == name)).scalar()
    if tagged is not None:
        return str(tagged)
    starts = RUNS.c.id.startswith(name, autoescape=True)
    found = connection.execute(select(RUNS.c.id).where(starts).order_by(RUNS.c.id).limit(6)).scalars().all()
    if name and len(found) == 1:
        return str(found[0])
    if name and found:
        raise UsageError(f"{name!r} is the beginning of several runs: {', '.join(found)}")
    names = [*connection.execute(select(RUNS.c.id)).scalars(), *connection.execute(select(TAGS.c.name)).scalars()]
    raise UnknownName("run", name, names)


def estimates(connection: Connection, run_id: str) -> list[Estimate]:
    """The numbers of one run in the order in which they were made."""
    r = RESULTS.c
    query = select(r.task, r.metric, r.slice, r.value, r.low, r.high, r.n, r.clusters, r.failed)
    rows = connection.execute(query.where(r.run_id == run_id).order_by(r.position))
    return [_sound(Estimate, **row) for row in rows.mappings()]
