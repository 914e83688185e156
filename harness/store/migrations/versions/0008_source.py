"""Which file of another harness an imported run came from."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("source", sa.JSON(), nullable=False, server_default="{}"))
