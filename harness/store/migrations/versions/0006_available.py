"""How many examples a task had, of which a run with a limit asked fewer."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("task_sets", sa.Column("available", sa.Integer(), nullable=True))
