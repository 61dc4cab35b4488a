"""An agent that speaks ACP, for tests: does a little, says back what it is told, stays in each turn until it is cut."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def send(**message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def tell(kind: str, /, **update: Any) -> None:
    params = {"sessionId": "one", "update": {"sessionUpdate": kind, **update}}
    send(method="session/update", params=params)


def say(words: str, kind: str = "agent_message_chunk") -> None:
    tell(kind, content={"type": "text", "text": f"{words}\n"})


def work() -> None:
    """One of each that a stream can show."""
    say("The limiter belongs in the middleware, beside the session check.")
    say("Is there one already? The retry code has its own.", "agent_thought_chunk")
    steps = (("Read the middleware", "completed"), ("Add the limiter", "in_progress"), ("Test it", "pending"))
    tell("plan", entries=[{"content": step, "priority": "medium", "status": status} for step, status in steps])
    text = {"type": "content", "content": {"type": "text", "text": "14 passed in 1.9 s"}}
    tell("tool_call", toolCallId="1", title="run pytest tests/auth -q", kind="execute", status="in_progress")
    tell("tool_call_update", toolCallId="1", status="completed", content=[text])
    diff = {
        "type": "diff",
        "path": str(Path.cwd() / "middleware.py"),
        "oldText": "a = 1\n",
        "newText": "a = 2\nb = 3\n",
    }
    tell("usage_update", used=12_400, size=200_000, cost={"amount": 0.31, "currency": "USD"})
    tell("tool_call", toolCallId="2", title="edit middleware.py", kind="edit", status="completed", content=[diff])


def main() -> None:
    turn = None
    for line in sys.stdin:
        request = json.loads(line)
        match request.get("method"):
            case "initialize":
                send(id=request["id"], result={"protocolVersion": 1, "agentCapabilities": {}})
            case "session/new":
                send(id=request["id"], result={"sessionId": "one"})
            case "session/prompt":
                if turn is None:
                    work()
                turn = request["id"]
                say(f"I was told: {request['params']['prompt'][0]['text'].strip().splitlines()[-1]}")
            case "session/cancel":
                send(id=turn, result={"stopReason": "cancelled"})


if __name__ == "__main__":
    main()
