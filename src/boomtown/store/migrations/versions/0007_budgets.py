"""What a bead may cost."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("beads", sa.Column("budget_usd", sa.Float(), nullable=True))
    op.add_column("beads", sa.Column("budget_tokens", sa.Integer(), nullable=True))
