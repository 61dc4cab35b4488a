"""An agent of many sessions that speaks ACP. A line of its prompt says what it does: see `WORDS`; then it goes on until
the turn is cancelled, which it may not hear."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

WORDS = ("tool", "stray", "deaf", "says", "asks")
"""`tool`: a program with its polecat's environment; `stray`: one without, in the worktree; `deaf`: no cancel is heard;
`says`: a line on standard error about its own session and one about nobody; `asks`: may it use a tool?"""


def send(**message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def say(session: str, words: str) -> None:
    update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": f"{words}\n"}}
    send(method="session/update", params={"sessionId": session, "update": update})


def act(session: str, cwd: str, word: str) -> None:
    match word:
        case "tool":
            own = json.loads((Path(os.environ["BOOMTOWN_SHELLS"]) / Path(cwd).name).read_text())
            subprocess.Popen(["sleep", "311"], cwd=cwd, env=os.environ | own, start_new_session=True)
        case "stray":
            subprocess.Popen(["sleep", "312"], cwd=cwd, start_new_session=True)
        case "says":
            print(f"about {session}\nabout nobody", file=sys.stderr, flush=True)
        case "asks":
            options = [{"optionId": "o", "name": "Once", "kind": "allow_once"}]
            params = {"sessionId": session, "toolCall": {"toolCallId": "1", "title": "deploy"}, "options": options}
            send(id=session, method="session/request_permission", params=params)
    say(session, f"{word} is done")


def main() -> None:
    folders: dict[str, str] = {}
    turns: dict[str, tuple[int, list[str]]] = {}
    capabilities = {"loadSession": True, "sessionCapabilities": {"close": {}}}
    for line in sys.stdin:
        request = json.loads(line)
        params = request.get("params", {})
        session = params.get("sessionId", "")
        match request.get("method"):
            case "initialize":
                send(id=request["id"], result={"protocolVersion": 1, "agentCapabilities": capabilities})
            case "session/new":
                session = f"ses_{os.getpid()}_{len(folders)}"
                folders[session] = params["cwd"]
                send(id=request["id"], result={"sessionId": session})
            case "session/load":
                folders[session] = params["cwd"]
                send(id=request["id"], result={})
            case "session/prompt":
                words = [word for word in params["prompt"][0]["text"].split() if word in WORDS]
                turns[session] = request["id"], words
                for word in words:
                    act(session, folders[session], word)
            case "session/cancel" if "deaf" not in turns[session][1]:
                send(id=turns[session][0], result={"stopReason": "cancelled"})
            case "session/close":
                send(id=request["id"], result={})
            case None:
                say(request["id"], f"I may: {request['result']['outcome'].get('optionId')}")


if __name__ == "__main__":
    main()
