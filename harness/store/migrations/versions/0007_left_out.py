"""Tasks that a run was to ask and could not."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("left_out", sa.JSON(), nullable=False, server_default="{}"))
