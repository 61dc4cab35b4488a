"""The tables, one set for SQLite and Postgres. Times are epoch seconds (UTC), ids random UUIDs."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

_ID = String(36)


def _partial(name: str, *columns: Column, where: str, unique: bool = True) -> Index:
    """An index over the rows where `where` holds; if unique, the rule stays true even if the code is wrong."""
    # Without `postgresql_where`: naming it makes SQLAlchemy load that whole dialect at every start.
    return Index(name, *columns, unique=unique, sqlite_where=text(where))


home = Table(
    "home",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("home_id", _ID, nullable=False),
    Column("port", Integer),
    Column("paused", Boolean, nullable=False, default=False),
    Column("breaker_cleared_at", Float),
    Column("created_at", Float, nullable=False),
    Column("asleep_s", Float, nullable=False, default=0.0, server_default="0"),
)

towns = Table(
    "towns",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", String, nullable=False),
    Column("name_key", String, nullable=False, unique=True),  # without regard to case
    Column("role", String, nullable=False),
    Column("token_digest", String, nullable=False, unique=True),
    Column("created_by", String, nullable=False),
    Column("created_at", Float, nullable=False),
)

rigs = Table(
    "rigs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("town_id", _ID, ForeignKey("towns.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("name_key", String, nullable=False, unique=True),  # without regard to case
    Column("git_url", Text, nullable=False),
    Column("default_branch", String, nullable=False),
    Column("max_polecats", Integer, nullable=False),
    Column("agent", String),
    Column("merge", String, nullable=False),
    Column("landing", String, nullable=False),
    Column("gates", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("paused", Boolean, nullable=False, default=False),
    Column("pause_why", Text),  # where it was not a person who paused it
    Column("pause_why_at", Float),
    Column("last_run_number", Integer, nullable=False, default=0),
    Column("created_at", Float, nullable=False),
)

beads = Table(
    "beads",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),  # age, in the order given
    Column("id", _ID, nullable=False, unique=True),
    Column("rig_id", _ID, ForeignKey("rigs.id"), nullable=False),
    Column("parent_bead_id", _ID),
    Column("type", String, nullable=False),
    Column("status", String, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("priority", String, nullable=False),
    Column("rank", Integer, nullable=False),  # of the priority; smaller goes first
    Column("labels", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("agent_kind", String),  # the one that had it last, or is first to get it
    Column("agents", String),  # all it may be given to, in order, with commas between
    Column("model", String),
    Column("timeout_s", Float),
    Column("budget_usd", Float),
    Column("budget_tokens", Integer),
    Column("prefix", String, nullable=False),
    Column("branch", String),
    Column("old_branch", String),  # to be renamed by the next start
    Column("own_commits", Integer, nullable=False, default=0),  # as last seen; more of them is progress
    Column("held", Boolean, nullable=False, default=False),
    Column("held_why", Text),
    Column("attempts", Integer, nullable=False, default=0),
    Column("delay_step", Integer, nullable=False, default=0),
    Column("no_work_streak", Integer, nullable=False, default=0),
    Column("lost_streak", Integer, nullable=False, default=0),
    Column("last_error", Text),
    Column("not_before", Float),
    Column("rework", JSON),
    Column("checkpoint", JSON),
    Column(
        "question", JSON(none_as_null=True)
    ),  # what a person is asked: id, text, options; run_id where a run waits for the answer
    Column("created_by", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("closed_at", Float),
    Index("beads_queue", "rig_id", "status", "rank", "seq"),
    Index("beads_listed", "rig_id", "status", "seq"),
    Index("beads_of_rig", "rig_id", "seq"),
    Index("beads_status", "status"),
    Index("beads_counted", "rig_id", "type", "status"),
    sqlite_autoincrement=True,
)
_partial("beads_errors", beads.c.updated_at, where="last_error IS NOT NULL", unique=False)

dependencies = Table(
    "dependencies",
    metadata,
    Column("bead_id", _ID, ForeignKey("beads.id"), primary_key=True),
    Column("blocker_id", _ID, ForeignKey("beads.id"), primary_key=True, index=True),
)

polecats = Table(
    "polecats",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("rig_id", _ID, ForeignKey("rigs.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("name_key", String, nullable=False),
    Column("bead_id", _ID, ForeignKey("beads.id"), nullable=False),
    Column("dispatches", Integer, nullable=False, default=0),
    Column("created_at", Float, nullable=False),
    Column("released_at", Float),
)
Index("polecats_rig", polecats.c.rig_id, polecats.c.released_at)
Index("polecats_bead", polecats.c.bead_id, polecats.c.created_at)
_partial("one_live_name_per_rig", polecats.c.rig_id, polecats.c.name_key, where="released_at IS NULL")
_partial("one_polecat_per_bead", polecats.c.bead_id, where="released_at IS NULL")

runs = Table(
    "runs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("rig_id", _ID, ForeignKey("rigs.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("bead_id", _ID, ForeignKey("beads.id"), nullable=False),
    Column("polecat_id", _ID, ForeignKey("polecats.id"), nullable=False),
    Column("phase", String, nullable=False),
    Column("branch", String, nullable=False),
    Column("worktree", Text, nullable=False),
    Column("agent_kind", String, nullable=False),
    Column("rework", Boolean, nullable=False, default=False),
    Column("container_id", String),
    Column("pid", Integer),
    Column("claimed_at", Float, nullable=False),
    Column("started_at", Float),
    Column("deadline_at", Float, nullable=False),
    Column("port_base", Integer, nullable=False),
    Column("done_at", Float),
    Column("done_answer", JSON),
    Column("summary", Text),
    Column("stalled_at", Float),
    Column("stop_reason", String),
    Column("stop_at", Float),
    Column("exit_code", Integer),
    Column("signal", Integer),
    Column("setup_failed", Boolean, nullable=False, default=False),
    Column("outcome", String),
    Column("error", Text),
    Column("wip", String),
    Column("refusal", JSON(none_as_null=True)),  # why its model did not answer: why, words, until
    Column("session", String),  # the agent's own name for it
    Column("input_tokens", Integer),
    Column("cached_tokens", Integer),
    Column("output_tokens", Integer),
    Column("reasoning_tokens", Integer),
    Column("cost_usd", Float),
    Column("peak_memory_bytes", BigInteger),
    Column("exited_at", Float),
    Column("ended_at", Float),
    Column("disposed_at", Float),
    UniqueConstraint("rig_id", "number", name="run_numbers_are_unique"),
)
Index("runs_bead", runs.c.bead_id)
Index("runs_kind", runs.c.agent_kind, runs.c.ended_at)
Index("runs_polecat", runs.c.polecat_id, runs.c.number)
Index("runs_unfinished", runs.c.rig_id, runs.c.disposed_at)
Index("runs_ended", runs.c.ended_at)
_partial("runs_live", runs.c.rig_id, runs.c.agent_kind, where="ended_at IS NULL", unique=False)
_partial(
    "runs_used",
    runs.c.rig_id,
    runs.c.agent_kind,
    runs.c.ended_at,
    runs.c.input_tokens,
    runs.c.cached_tokens,
    runs.c.output_tokens,
    runs.c.reasoning_tokens,
    runs.c.cost_usd,
    where="input_tokens IS NOT NULL",
    unique=False,
)
_partial("one_live_run_per_polecat", runs.c.polecat_id, where="ended_at IS NULL")
_partial("one_live_run_per_bead", runs.c.bead_id, where="ended_at IS NULL")
_partial("one_live_run_per_branch", runs.c.rig_id, runs.c.branch, where="ended_at IS NULL")
_partial("one_live_run_per_worktree", runs.c.worktree, where="disposed_at IS NULL")
_partial("ports_of_one_run", runs.c.port_base, where="disposed_at IS NULL")

agent_kinds = Table(  # those that a provider refused; see `domain.kinds`
    "agent_kinds",
    metadata,
    Column("kind", String, primary_key=True),
    Column("why", String, nullable=False),
    Column("words", Text, nullable=False),
    Column("since", Float, nullable=False),
    Column("until", Float),
    Column("reported", Boolean, nullable=False),
    Column("step", Integer, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("bead_id", _ID, ForeignKey("beads.id"), nullable=False, index=True),
    Column("seq", Integer, nullable=False),
    Column("run_id", _ID),
    Column("outcome", String, nullable=False),
    Column("costs", Boolean, nullable=False),
    Column("started_at", Float),
    Column("ended_at", Float, nullable=False),
    Column("exit_status", Integer),
    Column("error", Text),
    UniqueConstraint("bead_id", "seq"),
)

merges = Table(
    "merges",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("rig_id", _ID, ForeignKey("rigs.id"), nullable=False),
    Column("bead_id", _ID, ForeignKey("beads.id"), nullable=False),
    Column("run_id", _ID),
    Column("branch", String, nullable=False),
    Column("status", String, nullable=False),
    Column("approved_at", Float),
    Column("pr_url", Text),
    Column("merge_commit", String),
    Column("candidate", String),  # the commit on its way to the remote, written before the push
    Column("error", Text),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    UniqueConstraint("rig_id", "seq"),
)
Index("merges_bead", merges.c.bead_id, merges.c.seq)
_partial("merges_unfinished", merges.c.rig_id, merges.c.seq, where="status NOT IN ('merged', 'failed')", unique=False)
_partial("one_unfinished_merge_per_bead", merges.c.bead_id, where="status NOT IN ('merged', 'failed')")
_partial("a_bead_merges_at_most_once", merges.c.bead_id, where="status = 'merged'")

mail = Table(
    "mail",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", _ID, nullable=False, unique=True),
    Column("rig_id", _ID, ForeignKey("rigs.id"), nullable=False),
    Column("from_agent_id", _ID, nullable=False),
    Column("to_agent_id", _ID, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("delivered_at", Float),
    Index("mail_box", "to_agent_id", "delivered_at"),
    sqlite_autoincrement=True,
)

messages = Table(
    "messages",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", _ID, nullable=False, unique=True),
    Column("rig_id", _ID, ForeignKey("rigs.id"), nullable=False),
    Column("bead_id", _ID, ForeignKey("beads.id"), nullable=False),
    Column("sender", String, nullable=False),  # as people read it; empty: a person
    Column("text", Text, nullable=False),
    Column("now", Boolean, nullable=False, default=False),
    Column("answers", _ID),  # the question
    Column("state", String, nullable=False),  # queued, delivered, failed
    Column("created_at", Float, nullable=False),
    Column("delivered_at", Float),
    Index("messages_bead", "bead_id", "seq"),
    sqlite_autoincrement=True,
)

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", _ID, nullable=False, unique=True),
    Column("at", Float, nullable=False),
    Column("town_id", _ID),
    Column("rig_id", _ID),
    Column("bead_id", _ID),
    Column("agent_id", _ID),
    Column("run_id", _ID),
    Column("kind", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("data", JSON, nullable=False),
    Index("events_bead", "bead_id", "seq"),
    Index("events_rig", "rig_id", "seq"),
    Index("events_kind", "kind", "at"),
    sqlite_autoincrement=True,
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("rig_id", _ID, ForeignKey("rigs.id"), primary_key=True),
    Column("key", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("answer", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
)

notified = Table(
    "notified",
    metadata,
    Column("cause", String, primary_key=True),
    Column("at", Float, nullable=False),
)

gate_results = Table(
    "gate_results",
    metadata,
    Column("rig_id", _ID, ForeignKey("rigs.id"), primary_key=True),
    Column("tree", String, primary_key=True),
    Column("gates", String, primary_key=True),  # digest of the commands
    Column("green", Boolean, nullable=False),
    Column("failed", Text),
    Column("at", Float, nullable=False),
)
