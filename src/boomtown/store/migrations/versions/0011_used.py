"""What rigs have used, and how many beads and live runs they have, without looking at each there ever was."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("beads_counted", "beads", ["rig_id", "type", "status"])
    live = sa.text("ended_at IS NULL")
    op.create_index("runs_live", "runs", ["rig_id", "agent_kind"], sqlite_where=live)
    by, counted = ["rig_id", "agent_kind", "ended_at"], ["input_tokens", "cached_tokens", "output_tokens"]
    counted += ["reasoning_tokens", "cost_usd"]
    op.create_index("runs_used", "runs", [*by, *counted], sqlite_where=sa.text("input_tokens IS NOT NULL"))
