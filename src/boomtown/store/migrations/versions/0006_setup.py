"""Why the town paused a rig; runs whose worktree could not be made ready."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rigs", sa.Column("pause_why", sa.Text(), nullable=True))
    op.add_column("rigs", sa.Column("pause_why_at", sa.Float(), nullable=True))
    op.add_column("runs", sa.Column("setup_failed", sa.Boolean(), nullable=False, server_default=sa.false()))
