"""Facts in fields of their own: scores of fine-tuning, what a metric is about, what scored the texts of a task."""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from harness.store.migrations.metric_names import fields_of, scorer_of

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

RUNS = sa.table(
    "runs", sa.column("id"), sa.column("task_set"), sa.column("engine", sa.JSON), sa.column("training", sa.JSON)
)
TASKS = sa.table(
    "tasks", sa.column("id"), sa.column("name"), sa.column("version"), sa.column("fingerprint"),
    sa.column("data_sha256"), sa.column("card", sa.JSON), sa.column("metrics", sa.JSON), sa.column("scorer"),
)  # fmt: skip
TASK_SETS = sa.table(
    "task_sets", sa.column("id"), sa.column("position"), sa.column("task_id"), sa.column("data_source"),
    sa.column("n"), sa.column("shots"), sa.column("shots_source"),
)  # fmt: skip

PARTS = ("train", "held_out")
SCORES = (*PARTS, "validation", "gap")
"""Scores were stored as PART_METRIC; those of the validation split are the run's own numbers, a gap is a difference."""
HISTORY = ("epochs", "learning_rate")


def upgrade() -> None:
    op.add_column("runs", sa.Column("training", sa.JSON(), nullable=False, server_default="[]"))
    op.execute("ALTER TABLE runs RENAME COLUMN asked TO recipe")
    op.add_column("tasks", sa.Column("scorer", sa.Text(), nullable=False, server_default=""))
    _move_training(op.get_bind())
    _name_sets_anew(op.get_bind(), _fill_metrics(op.get_bind()))


# ----------------------------------------------------------------------------------------------------------- training
def _move_training(connection: sa.Connection) -> None:
    """A fine-tuned model used to be asked one task a run."""
    for row in connection.execute(sa.select(RUNS.c.id, RUNS.c.task_set, RUNS.c.engine)).all():
        if not isinstance(row.engine, dict) or "train_examples" not in row.engine:
            continue
        scores = {name: float(value) for name, value in row.engine.items() if _is_training(name, value)}
        asked = sa.select(TASKS.c.name).join_from(TASKS, TASK_SETS, TASKS.c.id == TASK_SETS.c.task_id)
        task = connection.execute(asked.where(TASK_SETS.c.id == row.task_set)).scalar()
        training = [{"task": task, **{name: scores.get(name, 0.0) for name in HISTORY}, **_parts(scores)}]
        engine = {name: value for name, value in row.engine.items() if name not in scores}
        connection.execute(sa.update(RUNS).where(RUNS.c.id == row.id).values(engine=engine, training=training))


def _parts(scores: dict[str, float]) -> dict[str, Any]:
    """The number of examples and the value of each metric, of each part of the train split."""
    parts = {}
    for part in PARTS:
        own = {name.removeprefix(f"{part}_"): v for name, v in scores.items() if name.startswith(f"{part}_")}
        parts[part] = {"examples": int(own.pop("examples", 0)), "values": own}
    return parts


def _is_training(name: str, value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and (name in HISTORY or name.startswith(tuple(f"{part}_" for part in SCORES)))


# ------------------------------------------------------------------------------------------------------------ metrics
def _fill_metrics(connection: sa.Connection) -> dict[str, str]:
    """Old to new ids of the tasks: an id is the hash of its row, whose metrics have more fields now."""
    ids: dict[str, str] = {}
    known = set(connection.execute(sa.select(TASKS.c.id)).scalars())
    for row in connection.execute(sa.select(TASKS)).mappings().all():
        task = {key: value for key, value in row.items() if key != "id"}
        task |= {"metrics": fields_of(row["metrics"]), "scorer": scorer_of(row["metrics"])}
        ids[row["id"]] = new = _hash(task)
        if new not in known:
            connection.execute(sa.insert(TASKS), {"id": new, **task})
            known.add(new)
    return ids


def _name_sets_anew(connection: sa.Connection, ids: dict[str, str]) -> None:
    """Sets of tasks are named by what is in them, and runs by their sets; then nothing names the old rows."""
    sets: dict[str, list[dict[str, Any]]] = {}
    for row in connection.execute(sa.select(TASK_SETS).order_by(TASK_SETS.c.id, TASK_SETS.c.position)).mappings():
        link = {key: value for key, value in row.items() if key != "id"}
        sets.setdefault(row["id"], []).append(link | {"task_id": ids.get(row["task_id"], row["task_id"])})
    for old, links in sets.items():
        new = _hash(links)
        if new not in sets:
            connection.execute(sa.insert(TASK_SETS), [{"id": new, **link} for link in links])
            connection.execute(sa.update(RUNS).where(RUNS.c.task_set == old).values(task_set=new))
            connection.execute(sa.delete(TASK_SETS).where(TASK_SETS.c.id == old))
    for old in ids.keys() - ids.values():
        connection.execute(sa.delete(TASKS).where(TASKS.c.id == old))


def _hash(record: Any) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
