"""The command that gives an agent the town's tools, as the container tells agents to start it."""

from __future__ import annotations

import json
import subprocess
import sys

from boomtown.cli.agent_api import VARIABLES
from boomtown.container.agents.session import TOOLS_ARGUMENTS


def test_it_works_without_any_installed_package() -> None:
    env: dict[str, str] = dict.fromkeys(VARIABLES, "x")
    with subprocess.Popen(
        [sys.executable, *TOOLS_ARGUMENTS], stdin=-1, stdout=-1, stderr=-1, env=env, text=True
    ) as tools:
        assert tools.stdin
        assert tools.stdout
        assert tools.stderr

        def ask(method: str, **params: object) -> dict[str, object]:
            assert tools.stdin
            assert tools.stdout
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            print(json.dumps(message), file=tools.stdin, flush=True)
            return json.loads(tools.stdout.readline())["result"]

        assert "gt_done" in str(ask("tools/list"))
        answer = ask("tools/call", name="gt_prime")
        assert answer["isError"]
        assert "“x”, which is not a URL" in str(answer["content"])
        tools.stdin.close()
        assert (tools.wait(60), tools.stderr.read()) == (0, "")
