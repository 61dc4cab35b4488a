"""How much memory runs took."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("peak_memory_bytes", sa.BigInteger(), nullable=True))
    op.create_index("runs_kind", "runs", ["agent_kind", "ended_at"])
