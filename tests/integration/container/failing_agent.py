"""An agent that speaks ACP and crashes in its first turn; the prompt says how, in its last line."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

ANSWERS: dict[str, dict[str, Any]] = {
    "initialize": {"protocolVersion": 1, "agentCapabilities": {}},
    "session/new": {"sessionId": "one"},
}


def send(**message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


for line in sys.stdin:
    request = json.loads(line)
    if answer := ANSWERS.get(request.get("method", "")):
        send(id=request["id"], result=answer)
    elif request.get("method") == "session/prompt":
        said = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "All is well.\n"}}
        send(method="session/update", params={"sessionId": "one", "update": said})
        print(
            "a line of long ago",
            *range(5),
            "panic: out of luck, key s3cr3t-k3y",
            "",
            sep="\n",
            file=sys.stderr,
            flush=True,
        )
        match request["params"]["prompt"][0]["text"].split()[-1]:
            case "exit":
                sys.exit(7)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "refuse":
                send(id=request["id"], error={"code": -32603, "message": "Nothing works"})
