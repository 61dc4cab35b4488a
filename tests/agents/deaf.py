"""An agent that speaks just enough ACP to be given work, and then hears nothing: no cancel, end of input or SIGTERM.

Its tool sleeps in a session of its own.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

signal.signal(signal.SIGTERM, signal.SIG_IGN)
ANSWERS: dict[str, dict[str, Any]] = {
    "initialize": {"protocolVersion": 1, "agentCapabilities": {}},
    "session/new": {"sessionId": "deaf"},
}

for line in sys.stdin:
    message = json.loads(line)
    capabilities = message.get("params", {}).get("clientCapabilities", {})
    if capabilities.get("terminal") or any(capabilities.get("fs", {}).values()):
        sys.exit("files and terminals are the agent's own affair")
    if answer := ANSWERS.get(message.get("method", "")):
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answer}), flush=True)
    elif message.get("method") == "session/prompt":
        subprocess.Popen(["sleep", "305"], start_new_session=True)

while True:
    signal.pause()
