"""Messages and questions, sessions, tokens and cost."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("beads", sa.Column("question", sa.JSON(), nullable=True))
    op.add_column("runs", sa.Column("session", sa.String(), nullable=True))
    for name in ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"):
        op.add_column("runs", sa.Column(name, sa.Integer(), nullable=True))
    op.add_column("runs", sa.Column("cost_usd", sa.Float(), nullable=True))
    op.create_table(
        "messages",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("rig_id", sa.String(length=36), nullable=False),
        sa.Column("bead_id", sa.String(length=36), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("now", sa.Boolean(), nullable=False),
        sa.Column("answers", sa.String(length=36), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("delivered_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["bead_id"], ["beads.id"]),
        sa.ForeignKeyConstraint(["rig_id"], ["rigs.id"]),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("messages_bead", "messages", ["bead_id", "seq"], unique=False)
