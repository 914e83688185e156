"""How a run was asked and whether it was imported; large files; no secret stays in what older releases stored."""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

from harness.hidden import hidden, hidden_in

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MODELS = sa.table("models", sa.column("id"), sa.column("name"), sa.column("fingerprint", sa.JSON))
RUNS = sa.table(
    "runs", sa.column("id"), sa.column("model_id"), sa.column("settings", sa.JSON), sa.column("engine", sa.JSON),
    sa.column("command"), sa.column("message"),
)  # fmt: skip


def upgrade() -> None:
    op.add_column("runs", sa.Column("asked", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("runs", sa.Column("imported", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("artifacts") as artifacts:
        artifacts.alter_column("rows", type_=sa.BigInteger(), existing_type=sa.Integer(), existing_nullable=False)
        artifacts.alter_column("bytes", type_=sa.BigInteger(), existing_type=sa.Integer(), existing_nullable=False)
    _hide_in_runs(op.get_bind())
    _hide_in_models(op.get_bind())


def _hide_in_runs(connection: sa.Connection) -> None:
    for row in connection.execute(sa.select(RUNS)).all():
        kept = {
            "settings": hidden_in(row.settings), "engine": hidden_in(row.engine), "command": hidden(row.command),
            "message": hidden(row.message),
        }  # fmt: skip
        if any(kept[name] != getattr(row, name) for name in kept):
            connection.execute(sa.update(RUNS).where(RUNS.c.id == row.id).values(kept))


def _hide_in_models(connection: sa.Connection) -> None:
    """A model's id is the hash of its row: one whose row changes gets another, which its runs then name."""
    known = set(connection.execute(sa.select(MODELS.c.id)).scalars())
    for row in connection.execute(sa.select(MODELS)).all():
        model = {"name": hidden(row.name), "fingerprint": hidden_in(row.fingerprint)}
        new = hashlib.sha256(json.dumps(model, sort_keys=True).encode()).hexdigest()
        if model == {"name": row.name, "fingerprint": row.fingerprint}:
            continue
        if new not in known:
            connection.execute(sa.insert(MODELS), {"id": new, **model})
            known.add(new)
        connection.execute(sa.update(RUNS).where(RUNS.c.model_id == row.id).values(model_id=new))
        connection.execute(sa.delete(MODELS).where(MODELS.c.id == row.id))
