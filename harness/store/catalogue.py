"""Runs, results and sample files written as rows; every function works inside its caller's transaction."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from harness.errors import StoreError, UnknownName, UsageError
from harness.hidden import hidden_in
from harness.store.database import alive, process
from harness.store.samples import Artifact, folder_of
from harness.store.schema import ARTIFACTS, MODELS, RESULTS, RUNS, TASK_SETS, TASKS
from harness.types import Estimate, MetricRecord, Run
from harness.visible import whole

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

    A run that was started on another host may be taken over here, since its journal is here.
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
    row = connection.execute(query.with_for_update(read=not alone, key_share=not alone)).first()
    if row is None:
        raise UnknownName("run", run_id, connection.execute(select(RUNS.c.id)).scalars())
    return run_id


def replace_results(connection: Connection, run_id: str, estimates: Sequence[Estimate]) -> None:
    """The numbers of a run in place of those it had. Raises StoreError for a value that is not a number."""
    for e in estimates:
        if any(x is not None and math.isnan(x) for x in (e.value, e.low, e.high)):
            raise StoreError(f"run {run_id}: {e.task} {e.metric} on {e.slice} is not a number; it is not stored")
    connection.execute(delete(RESULTS).where(RESULTS.c.run_id == run_id))
    rows = [
        {
            "run_id": run_id,
            "position": i,
            **asdict(e),
            "task": whole(e.task),
            "metric": _indexed(e.metric),
            "slice": _indexed(e.slice),
        }
        for i, e in enumerate(estimates)
    ]
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
        "training": _training(run),
        "energy": _plain(asdict(run.energy)) if run.energy else None,
        "command": _plain(run.command),
        "recipe": _plain(dict(run.recipe)),
        "imported": run.imported,
        "left_out": _plain(dict(run.left_out)),
        "source": _plain(dict(run.source)),
        "family": _plain(run.family),
        "step": run.step,
        "bundle": run.bundle,
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


def _training(run: Run) -> Any:
    """How a fine-tuned model was trained. Raises StoreError for a number that is not finite."""
    flaw = next(filter(None, (training.flaw() for training in run.training)), "")
    if flaw:
        raise StoreError(f"run {run.id} cannot be stored: {flaw}")
    return _plain([asdict(training) for training in run.training])


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
            "metrics": [_metric(m) for m in t.metrics],
            "scorer": _plain(t.scorer),
        }
        tasks.append({"id": _hash(task), **task})
        how = {
            "data_source": _plain(t.data_source),
            "n": t.n,
            "shots": t.shots,
            "shots_source": t.shots_source,
            "available": t.available,
        }
        links.append({"position": position, "task_id": tasks[-1]["id"], **how})
    set_id = _hash(links)
    insert_once(connection, TASKS, tasks)
    insert_once(connection, TASK_SETS, [{"id": set_id, **link} for link in links])
    return set_id


def _metric(record: MetricRecord) -> Any:
    """What is kept of a metric; a task that older releases asked keeps the hash that it had there."""
    kept = asdict(record)
    if not record.reported:
        del kept["reported"]
    return _plain(kept)


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
