"""Objects as the server gives them, for tests that only care about a few of their fields."""

from __future__ import annotations

from typing import Any

TIME = "2026-01-01T00:00:00.000Z"


def a_bead(**fields: Any) -> dict[str, Any]:
    """A waiting bead, changed as given."""
    identifier = fields.get("id", "0b5c8d2e-0000-4000-8000-000000000001")
    bead = {
        "id": identifier, "bead_id": identifier, "rig_id": "rig", "parent_bead_id": None, "type": "issue",
        "status": "open", "title": "Do it", "body": "", "priority": "medium", "labels": [], "metadata": {},
        "agent_kind": "mine", "model": None, "timeout": None, "branch": None, "assignee": None,
        "assignee_agent_bead_id": None, "created_by": "user:me", "attempts": 0, "attempt_log": [], "last_error": None,
        "question": None, "usage": None, "queue_reason": None, "queue_detail": None,
        "queue_position": None, "blocked_by": [], "not_before": None,
        "created_at": TIME, "updated_at": TIME, "closed_at": None,
    }  # fmt: skip
    return bead | fields


def a_merge(bead_id: str, status: str, **fields: Any) -> dict[str, Any]:
    """A merge of a bead."""
    merge = {
        "id": "m1", "bead_id": bead_id, "branch": "polecat/toast/0b5c8d", "status": status, "merge_commit": None,
        "error": None, "pr_url": None, "created_at": TIME, "updated_at": TIME,
    }  # fmt: skip
    return merge | fields
