"""The agent HTTP API: routes, tokens, envelope and limits. What a verb means is the desk's, and tested there."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import pytest
from standins import Standins

from boomtown.domain.errors import BadInputError, FencedError, ForbiddenError, NotFoundError
from boomtown.rig.desk import Desk
from boomtown.rig.tokens import Claims

BASE = "/api/towns/t/rigs/r"
CLAIMS = Claims("t", "r", "a", 7, "polecat")
ROUTES = [
    ("GET", "/agents/a/prime", "prime", ("a",)),
    ("POST", "/agents/a/done", "done", ("a", {"x": 1})),
    ("POST", "/agents/a/heartbeat", "heartbeat", ("a", {"x": 1})),
    ("POST", "/agents/a/checkpoint", "put_checkpoint", ("a", {"x": 1})),
    ("GET", "/agents/a/checkpoint", "get_checkpoint", ("a",)),
    ("GET", "/agents/a/mail", "mail", ("a",)),
    ("POST", "/agents/a/completed", "completed", ("a", {"x": 1})),
    ("GET", "/agents/a/molecule/current", "molecule", ("a",)),
    ("GET", "/beads", "list_beads", ()),
    ("POST", "/beads", "create_bead", ({"x": 1},)),
    ("GET", "/beads/b", "get_bead", ("b",)),
    ("POST", "/beads/b/close", "close_bead", ("b", {"x": 1})),
    ("PATCH", "/beads/b/status", "set_bead_status", ("b", {"x": 1})),
    ("GET", "/agents", "list_agents", ()),
    ("GET", "/agents/a", "get_agent", ("a",)),
    ("POST", "/agents/a/hook", "hook", ("a", {"x": 1})),
    ("DELETE", "/agents/a/hook", "unhook", ("a",)),
    ("POST", "/mail", "send_mail", ({"x": 1},)),
    ("POST", "/nudge", "nudge", ({"x": 1},)),
    ("POST", "/escalations", "escalate", ({"x": 1},)),
    ("GET", "/events?since=5", "events", (5,)),
]


def ask(standins: Standins, method: str, path: str, **more: Any) -> httpx.Response:
    more.setdefault("headers", standins.agent())
    return httpx.request(method, standins.url + path, **more)


@pytest.mark.parametrize(("method", "path", "verb", "more"), ROUTES, ids=[route[2] for route in ROUTES])
def test_each_route_asks_its_verb_of_the_desk(
    standins: Standins, method: str, path: str, verb: str, more: tuple[Any, ...]
) -> None:
    standins.desk.answer = {"é": "\ud800"}
    sent = {"json": {"x": 1}} if method in ("POST", "PATCH") else {}
    answer = ask(standins, method, BASE + path, **sent)
    assert (answer.status_code, answer.json()) == (200, {"success": True, "data": {"é": "\ud800"}})
    ((asked, args, _),) = standins.desk.calls
    assert (asked, args) == (verb, (CLAIMS, "t", "r", *more))


@pytest.mark.parametrize("verb", [route[2] for route in ROUTES])
def test_the_desk_has_every_verb(verb: str) -> None:
    assert callable(getattr(Desk, verb))


def test_mail_is_read_again_only_on_demand(standins: Standins) -> None:
    ask(standins, "GET", f"{BASE}/agents/a/mail")
    ask(standins, "GET", f"{BASE}/agents/a/mail?all=1")
    assert [kwargs for _, _, kwargs in standins.desk.calls] == [{"all": False}, {"all": True}]


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer garbage"}, {"authorization": "Basic eDp5"}],
    ids=["none", "garbage", "basic"],
)
@pytest.mark.parametrize("path", [f"{BASE}/agents/a/prime", f"{BASE}/nowhere"])
def test_no_good_token_is_401_before_anything_else(standins: Standins, headers: dict[str, str], path: str) -> None:
    answer = ask(standins, "GET", path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
    assert standins.desk.calls == []


def test_an_expired_token_and_a_persons_token_are_401(standins: Standins) -> None:
    for headers in (standins.agent(lives_s=-1), standins.user):
        assert ask(standins, "GET", f"{BASE}/agents/a/prime", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ForbiddenError("no"), 403, "FORBIDDEN"),
        (FencedError("over"), 409, "FENCED"),
        (NotFoundError("where?"), 404, "NOT_FOUND"),
        (BadInputError("what?"), 400, "BAD_REQUEST"),
    ],
)
def test_the_desks_errors_keep_their_code_and_words(
    standins: Standins, error: Exception, status: int, code: str
) -> None:
    standins.desk.error = error
    answer = ask(standins, "GET", f"{BASE}/beads")
    assert answer.status_code == status
    assert answer.json() == {"success": False, "error": str(error), "code": code}


def test_an_unforeseen_error_says_nothing_of_the_inside(standins: Standins) -> None:
    standins.desk.error = RuntimeError("secret internals")
    answer = ask(standins, "GET", f"{BASE}/beads")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert "secret" not in answer.text


def test_a_path_that_is_not_there_is_404_in_the_same_envelope(standins: Standins) -> None:
    for path in (f"{BASE}/nowhere", f"{BASE}/agents/a/nowhere", "/api/towns/t", "/api/nowhere"):
        answer = ask(standins, "POST", path)
        assert (answer.status_code, answer.json()["success"], answer.json()["code"]) == (404, False, "NOT_FOUND")


def test_a_method_that_is_not_for_a_path_is_405_and_says_which_are(standins: Standins) -> None:
    answer = ask(standins, "PUT", f"{BASE}/agents/a/checkpoint")
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}


@pytest.mark.parametrize("body", [b"[1]", b"{", b'{"x": NaN}', b'{"x": "\\ud800"}', b"[" * 100_000, b"\xff"])
def test_what_is_no_json_object_reaches_the_desk_as_none_so_that_400_comes_last(
    standins: Standins, body: bytes
) -> None:
    ask(standins, "POST", f"{BASE}/mail", content=body)
    assert standins.desk.calls[0][1][-1] is None


def test_no_body_at_all_is_an_empty_object(standins: Standins) -> None:
    ask(standins, "POST", f"{BASE}/agents/a/heartbeat")
    assert standins.desk.calls[0][1][-1] == {}


def test_an_odd_since_is_refused_after_the_token_was_looked_at(standins: Standins) -> None:
    answer = ask(standins, "GET", f"{BASE}/events?since=-1")
    assert (answer.status_code, "'-1'" in answer.json()["error"]) == (400, True)
    standins.desk.error = FencedError("over")
    assert ask(standins, "GET", f"{BASE}/events?since=-1").status_code == 409


def test_a_body_over_the_limit_is_413_while_it_is_still_being_sent(standins: Standins) -> None:
    host, _, port = standins.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        head = f"POST {BASE}/mail HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000000\r\n"
        client.sendall(f"{head}authorization: {standins.agent()['authorization']}\r\n\r\n".encode())
        client.sendall(b"x" * (1024 * 1024 + 1))
        answer = b""
        while not answer.endswith(b"}") and (more := client.recv(65536)):
            answer += more
    assert b" 413 " in answer.splitlines()[0]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "PAYLOAD_TOO_LARGE"
    assert standins.desk.calls == []


@pytest.mark.parametrize("path", ["/health", f"{BASE}/health"])
def test_health_needs_no_token(standins: Standins, path: str) -> None:
    answer = httpx.get(standins.url + path)
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "ok")
