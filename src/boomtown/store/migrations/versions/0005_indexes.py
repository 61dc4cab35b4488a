"""Reads of a rig with years of work in it cost what they cost in a young one."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("beads_listed", "beads", ["rig_id", "status", "seq"])
    op.create_index("beads_of_rig", "beads", ["rig_id", "seq"])
    op.create_index("beads_status", "beads", ["status"])
    op.create_index("beads_errors", "beads", ["updated_at"], sqlite_where=sa.text("last_error IS NOT NULL"))
    op.create_index("polecats_bead", "polecats", ["bead_id", "created_at"])
    op.create_index("runs_polecat", "runs", ["polecat_id", "number"])
    op.create_index("runs_ended", "runs", ["ended_at"])
    op.create_index("merges_bead", "merges", ["bead_id", "seq"])
    unfinished = sa.text("status NOT IN ('merged', 'failed')")
    op.create_index("merges_unfinished", "merges", ["rig_id", "seq"], sqlite_where=unfinished)
