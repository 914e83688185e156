"""The training that a run belongs to and its step, and the bundle that its data came from."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("family", sa.Text(), nullable=False, server_default=""))
    op.add_column("runs", sa.Column("step", sa.BigInteger()))
    op.add_column("runs", sa.Column("bundle", sa.Text(), nullable=False, server_default=""))
