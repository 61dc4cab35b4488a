"""The first town."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("town_id", sa.String(length=36), nullable=True),
        sa.Column("rig_id", sa.String(length=36), nullable=True),
        sa.Column("bead_id", sa.String(length=36), nullable=True),
        sa.Column("agent_id", sa.String(length=36), nullable=True),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("events_bead", "events", ["bead_id", "seq"], unique=False)
    op.create_index("events_kind", "events", ["kind", "at"], unique=False)
    op.create_index("events_rig", "events", ["rig_id", "seq"], unique=False)
    op.create_table(
        "home",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("home_id", sa.String(length=36), nullable=False),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("breaker_cleared_at", sa.Float(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "towns",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "rigs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("town_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("git_url", sa.Text(), nullable=False),
        sa.Column("default_branch", sa.String(), nullable=False),
        sa.Column("max_polecats", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(), nullable=True),
        sa.Column("merge", sa.String(), nullable=False),
        sa.Column("landing", sa.String(), nullable=False),
        sa.Column("gates", sa.JSON(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("last_run_number", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["town_id"],
            ["towns.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name_key"),
    )
    op.create_table(
        "beads",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("rig_id", sa.String(length=36), nullable=False),
        sa.Column("parent_bead_id", sa.String(length=36), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("agent_kind", sa.String(), nullable=True),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("timeout_s", sa.Float(), nullable=True),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("branch", sa.String(), nullable=True),
        sa.Column("old_branch", sa.String(), nullable=True),
        sa.Column("own_commits", sa.Integer(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("held_why", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("delay_step", sa.Integer(), nullable=False),
        sa.Column("no_work_streak", sa.Integer(), nullable=False),
        sa.Column("lost_streak", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("not_before", sa.Float(), nullable=True),
        sa.Column("rework", sa.JSON(), nullable=True),
        sa.Column("checkpoint", sa.JSON(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.Column("closed_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["rig_id"],
            ["rigs.id"],
        ),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("beads_queue", "beads", ["rig_id", "status", "rank", "seq"], unique=False)
    op.create_table(
        "gate_results",
        sa.Column("rig_id", sa.String(length=36), nullable=False),
        sa.Column("tree", sa.String(), nullable=False),
        sa.Column("gates", sa.String(), nullable=False),
        sa.Column("green", sa.Boolean(), nullable=False),
        sa.Column("failed", sa.Text(), nullable=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rig_id"],
            ["rigs.id"],
        ),
        sa.PrimaryKeyConstraint("rig_id", "tree", "gates"),
    )
    op.create_table(
        "idempotency",
        sa.Column("rig_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rig_id"],
            ["rigs.id"],
        ),
        sa.PrimaryKeyConstraint("rig_id", "key"),
    )
    op.create_table(
        "mail",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("rig_id", sa.String(length=36), nullable=False),
        sa.Column("from_agent_id", sa.String(length=36), nullable=False),
        sa.Column("to_agent_id", sa.String(length=36), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("delivered_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["rig_id"],
            ["rigs.id"],
        ),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("mail_box", "mail", ["to_agent_id", "delivered_at"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("bead_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("costs", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=False),
        sa.Column("exit_status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["bead_id"],
            ["beads.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("bead_id", "seq"),
    )
    op.create_index(op.f("ix_attempts_bead_id"), "attempts", ["bead_id"], unique=False)
    op.create_table(
        "dependencies",
        sa.Column("bead_id", sa.String(length=36), nullable=False),
        sa.Column("blocker_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["bead_id"],
            ["beads.id"],
        ),
        sa.ForeignKeyConstraint(
            ["blocker_id"],
            ["beads.id"],
        ),
        sa.PrimaryKeyConstraint("bead_id", "blocker_id"),
    )
    op.create_index(op.f("ix_dependencies_blocker_id"), "dependencies", ["blocker_id"], unique=False)
    op.create_table(
        "merges",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("rig_id", sa.String(length=36), nullable=False),
        sa.Column("bead_id", sa.String(length=36), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("branch", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("approved_at", sa.Float(), nullable=True),
        sa.Column("pr_url", sa.Text(), nullable=True),
        sa.Column("merge_commit", sa.String(), nullable=True),
        sa.Column("candidate", sa.String(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bead_id"],
            ["beads.id"],
        ),
        sa.ForeignKeyConstraint(
            ["rig_id"],
            ["rigs.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("rig_id", "seq"),
    )
    op.create_index(
        "a_bead_merges_at_most_once",
        "merges",
        ["bead_id"],
        unique=True,
        sqlite_where=sa.text("status = 'merged'"),
    )
    op.create_index(
        "one_unfinished_merge_per_bead",
        "merges",
        ["bead_id"],
        unique=True,
        sqlite_where=sa.text("status NOT IN ('merged', 'failed')"),
    )
    op.create_table(
        "polecats",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("rig_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("bead_id", sa.String(length=36), nullable=False),
        sa.Column("dispatches", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("released_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["bead_id"],
            ["beads.id"],
        ),
        sa.ForeignKeyConstraint(
            ["rig_id"],
            ["rigs.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "one_live_name_per_rig",
        "polecats",
        ["rig_id", "name_key"],
        unique=True,
        sqlite_where=sa.text("released_at IS NULL"),
    )
    op.create_index(
        "one_polecat_per_bead",
        "polecats",
        ["bead_id"],
        unique=True,
        sqlite_where=sa.text("released_at IS NULL"),
    )
    op.create_index("polecats_rig", "polecats", ["rig_id", "released_at"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("rig_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("bead_id", sa.String(length=36), nullable=False),
        sa.Column("polecat_id", sa.String(length=36), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("branch", sa.String(), nullable=False),
        sa.Column("worktree", sa.Text(), nullable=False),
        sa.Column("agent_kind", sa.String(), nullable=False),
        sa.Column("rework", sa.Boolean(), nullable=False),
        sa.Column("container_id", sa.String(), nullable=True),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("claimed_at", sa.Float(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=True),
        sa.Column("deadline_at", sa.Float(), nullable=False),
        sa.Column("port_base", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.Float(), nullable=True),
        sa.Column("done_answer", sa.JSON(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("stalled_at", sa.Float(), nullable=True),
        sa.Column("stop_reason", sa.String(), nullable=True),
        sa.Column("stop_at", sa.Float(), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("signal", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("wip", sa.String(), nullable=True),
        sa.Column("exited_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("disposed_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["bead_id"],
            ["beads.id"],
        ),
        sa.ForeignKeyConstraint(
            ["polecat_id"],
            ["polecats.id"],
        ),
        sa.ForeignKeyConstraint(
            ["rig_id"],
            ["rigs.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("rig_id", "number", name="run_numbers_are_unique"),
    )
    op.create_index(
        "one_live_run_per_bead",
        "runs",
        ["bead_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "one_live_run_per_branch",
        "runs",
        ["rig_id", "branch"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "one_live_run_per_polecat",
        "runs",
        ["polecat_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "one_live_run_per_worktree",
        "runs",
        ["worktree"],
        unique=True,
        sqlite_where=sa.text("disposed_at IS NULL"),
    )
    op.create_index(
        "ports_of_one_run",
        "runs",
        ["port_base"],
        unique=True,
        sqlite_where=sa.text("disposed_at IS NULL"),
    )
    op.create_index("runs_bead", "runs", ["bead_id"], unique=False)
    op.create_index("runs_unfinished", "runs", ["rig_id", "disposed_at"], unique=False)
