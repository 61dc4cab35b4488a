"""One row a tool of CONTRACT section 4: each is a route of the agent API under a name that a model understands."""

from __future__ import annotations

from typing import Any, NamedTuple

_BEAD = {"bead_id": {"type": "string", "description": "The bead's id."}}
_TEXT = {"type": "string"}


class Tool(NamedTuple):
    """`path` is that of `api.agents.VERBS`; arguments that are not in it are the body of a POST."""

    name: str
    description: str
    method: str
    path: str
    properties: dict[str, Any]
    required: tuple[str, ...] = ()

    def offer(self) -> dict[str, Any]:
        """As MCP lists it."""
        schema: dict[str, Any] = {"type": "object", "properties": self.properties, "additionalProperties": False}
        if self.required:
            schema["required"] = list(self.required)
        return {"name": self.name, "description": self.description, "inputSchema": schema}


TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "gt_prime",
            "Who you are, your bead (the task), your mail, and why your branch came back if it did. Call it first.",
            "GET",
            "/agents/{agent_id}/prime",
            {},
        ),
        Tool(
            "gt_done",
            "Hand your branch on to be landed, once all is committed. Then stop: you are finished.",
            "POST",
            "/agents/{agent_id}/done",
            {
                "branch": _TEXT | {"description": "Your branch, as gt_prime names it."},
                "summary": _TEXT | {"description": "What you did and why, for the commit that lands; or the report."},
                "pr_url": _TEXT | {"description": "A pull request, if there is one."},
            },
            ("branch",),
        ),
        Tool(
            "gt_ask",
            "Ask a person what you can't find out or decide yourself. Then end your turn: your work is kept, and you "
            "go on in this session when the answer is there.",
            "POST",
            "/agents/{agent_id}/ask",
            {
                "question": _TEXT | {"description": "One clear question, with what you know already."},
                "options": {"type": "array", "items": _TEXT, "description": "Answers to choose from, if there are."},
            },
            ("question",),
        ),
        Tool(
            "gt_escalate",
            "Tell a person about a problem that is not yours to solve. You go on with your own bead.",
            "POST",
            "/escalations",
            {
                "title": _TEXT | {"description": "The problem in a line."},
                "body": _TEXT | {"description": "What you saw, and what you tried."},
                "priority": _TEXT | {"enum": ["low", "medium", "high", "critical"]},
                "metadata": {"type": "object", "description": "More, as data."},
            },
            ("title",),
        ),
        Tool(
            "gt_checkpoint",
            "Note where you are. You get it back if you are interrupted and start anew.",
            "POST",
            "/agents/{agent_id}/checkpoint",
            {"data": {"type": "object", "description": "Anything, as data."}},
            ("data",),
        ),
        Tool("gt_mail_check", "Your new mail from other agents.", "GET", "/agents/{agent_id}/mail", {}),
        Tool(
            "gt_mail_send",
            "Write to another agent of this rig; it reads your mail when it looks.",
            "POST",
            "/mail",
            {"to_agent_id": _TEXT | {"description": "Its id."}, "subject": _TEXT, "body": _TEXT},
            ("to_agent_id", "subject", "body"),
        ),
        Tool(
            "gt_nudge",
            "Say something to another agent at its work: when it is idle, at once, or with its next mail.",
            "POST",
            "/nudge",
            {
                "target_agent_id": _TEXT | {"description": "Its id."},
                "message": _TEXT,
                "mode": _TEXT | {"enum": ["wait-idle", "immediate", "queue"]},
            },
            ("target_agent_id", "message"),
        ),
        Tool("gt_bead_status", "How a bead of this rig stands.", "GET", "/beads/{bead_id}", _BEAD, ("bead_id",)),
        Tool(
            "gt_bead_close",
            "Close a bead: your own is handed on as with gt_done; an escalation that you sent is taken back.",
            "POST",
            "/beads/{bead_id}/close",
            _BEAD,
            ("bead_id",),
        ),
    )
}
