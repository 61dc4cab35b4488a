"""Agent kinds that were refused, what beads fall back to, and how a run was refused."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agent_kinds",
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("until", sa.Float(), nullable=True),
        sa.Column("reported", sa.Boolean(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
    )
    op.add_column("beads", sa.Column("agents", sa.String(), nullable=True))
    op.execute("UPDATE beads SET agents = agent_kind")
    op.add_column("runs", sa.Column("refusal", sa.JSON(), nullable=True))
