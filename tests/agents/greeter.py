"""A person's own MCP server, with the one tool `hello`: it tells what it was given as its token, without a library."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

TOOL = {"name": "hello", "description": "Says hello.", "inputSchema": {"type": "object", "properties": {}}}


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    match asked["method"]:
        case "initialize":
            version = asked["params"]["protocolVersion"]
            server = {"name": "greeter", "version": "1"}
            return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server}
        case "tools/list":
            return {"tools": [TOOL]}
        case "tools/call":
            return {"content": [{"type": "text", "text": f"Hello with {os.environ.get('GREETER_TOKEN')}."}]}
    return {}


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" in asked:
            print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": answer(asked)}), flush=True)


if __name__ == "__main__":
    main()
