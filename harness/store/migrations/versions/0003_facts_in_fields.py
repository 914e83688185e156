"""Facts in fields of their own: the scores of fine-tuning leave the statistics of the engine."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

RUNS = sa.table(
    "runs", sa.column("id"), sa.column("task_set"), sa.column("engine", sa.JSON), sa.column("training", sa.JSON)
)
TASK_SETS = sa.table("task_sets", sa.column("id"), sa.column("task_id"))
TASKS = sa.table("tasks", sa.column("id"), sa.column("name"))

PARTS = ("train", "held_out")
SCORES = (*PARTS, "validation", "gap")
"""Scores were stored as PART_METRIC; those of the validation split are the run's own numbers, a gap is a difference."""
HISTORY = ("epochs", "learning_rate")


def upgrade() -> None:
    op.add_column("runs", sa.Column("training", sa.JSON(), nullable=False, server_default="[]"))
    _move_training(op.get_bind())


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
