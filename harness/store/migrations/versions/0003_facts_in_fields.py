"""Facts in fields of their own: the scores of fine-tuning leave the statistics of the engine."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

RUNS = sa.table("runs", sa.column("id"), sa.column("engine", sa.JSON), sa.column("training", sa.JSON))

TRAINING = ("train_", "held_out_", "validation_", "gap_")
HISTORY = ("epochs", "learning_rate")


def upgrade() -> None:
    op.add_column("runs", sa.Column("training", sa.JSON(), nullable=False, server_default="{}"))
    _move_training(op.get_bind())


def _move_training(connection: sa.Connection) -> None:
    for row in connection.execute(sa.select(RUNS.c.id, RUNS.c.engine)).all():
        if not isinstance(row.engine, dict) or "train_examples" not in row.engine:
            continue
        training = {name: value for name, value in row.engine.items() if _is_training(name, value)}
        engine = {name: value for name, value in row.engine.items() if name not in training}
        connection.execute(sa.update(RUNS).where(RUNS.c.id == row.id).values(engine=engine, training=training))


def _is_training(name: str, value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and (name.startswith(TRAINING) or name in HISTORY)
