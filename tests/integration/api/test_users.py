"""Users for real: tokens shown once and kept as digests, roles on every procedure, and what ends with a user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from test_serve import Process

from boomtown.api.procedures import gastown
from boomtown.api.procedures.roles import ROLES
from boomtown.api.sessions import WRONG_TOKENS
from boomtown.domain.users import Role
from boomtown.home.paths import Home
from boomtown.home.person import login_name


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    server = Process(Home(tmp_path_factory.mktemp("users") / "home"), "--port", "0").up()
    yield server
    assert server.end()[0] == 0


class User:
    """Somebody with a token of their own, until the end of the block."""

    def __init__(self, server: Process, name: str, role: str) -> None:
        self.server, self.name = server, name
        self.added = server.mutate("addUser", {"name": name, "role": role}).json()["result"]["data"]
        self.headers = {"authorization": f"Bearer {self.added['token']}"}

    def __enter__(self) -> User:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()

    def remove(self) -> httpx.Response:
        return self.server.mutate("removeUser", {"name": self.name})

    def call(self, path: str, kind: str, value: Any = None) -> httpx.Response:
        url = f"{self.server.url}/trpc/{path}"
        if kind == "mutation":
            return httpx.post(url, json=value or {}, headers=self.headers)
        return httpx.get(url, headers=self.headers)


def test_a_token_is_shown_once_and_only_its_digest_is_kept(server: Process) -> None:
    with User(server, "Ada", "viewer") as ada:
        token = ada.added["token"]
        assert len(token) > 40
        (listed,) = server.query("listUsers")
        assert (listed["name"], listed["role"]) == ("Ada", "viewer")
        assert listed["created_by"] == f"user:{login_name()}"
        assert "token" not in listed
        for path in server.home.root.iterdir():
            if path.is_file():
                assert token.encode() not in path.read_bytes(), path
        assert ada.call("gastown.getMe", "query").json()["result"]["data"] == {"name": "Ada", "role": "viewer"}


@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_what_the_table_says_and_nothing_else(server: Process, role: Role) -> None:
    with User(server, "Somebody", role) as user:
        for procedure in gastown:
            if procedure.kind == "subscription" or procedure.path == "gastown.shutdown":
                continue  # the last one is tried by name, below
            nonsense = {"noSuchField": 1} if procedure.kind == "mutation" else None
            status = user.call(procedure.path, procedure.kind, nonsense).status_code
            assert (status == 403) is not role.covers(ROLES[procedure.path]), procedure.path
        if role is not Role.ADMIN:
            refused = user.call("gastown.shutdown", "mutation").json()["error"]
            assert "needs the role admin; Somebody has the role " + role in refused["message"]
            rest = httpx.post(f"{server.url}/api/gastown.addUser", json={}, headers=user.headers)
            assert (rest.status_code, rest.json()["code"]) == (403, "FORBIDDEN")


def test_what_a_user_does_is_in_the_ledger_under_their_name(server: Process) -> None:
    with User(server, "Grace", "operator") as grace:
        grace.call("gastown.pause", "mutation").raise_for_status()
        grace.call("gastown.resume", "mutation").raise_for_status()
        since = server.query("getStatus")["last_seq"] - 2
        events = server.query("getBeadEvents", since=since)["items"]
        assert [(event["kind"], event["actor"]) for event in events] == [
            ("rig.paused", "user:Grace"),
            ("rig.resumed", "user:Grace"),
        ]


def test_removing_a_user_ends_token_session_and_subscriptions(server: Process) -> None:
    bob = User(server, "Bob", "viewer")
    with httpx.Client(base_url=server.url) as browser:
        assert browser.post("/session", json={"token": bob.added["token"]}).status_code == 204
        assert browser.get("/trpc/gastown.getMe").json()["result"]["data"]["name"] == "Bob"
        url = f"{server.url}/trpc/gastown.onEvents"
        with httpx.stream("GET", url, headers=bob.headers, timeout=30) as stream:
            chunks = stream.iter_text()
            assert "connected" in next(chunks)
            bob.remove().raise_for_status()
            assert "return" not in "".join(chunks), "cut, not ended: the client comes back and is refused"
        assert "UNAUTHORIZED" in httpx.get(url, headers=bob.headers).text
        assert browser.get("/trpc/gastown.getMe").status_code == 401
    assert bob.remove().status_code == 404


@pytest.mark.parametrize(
    ("value", "status", "sentence"),
    [
        ({"name": "x y", "role": "viewer"}, 400, "can't be a user's name"),
        ({"name": login_name(), "role": "viewer"}, 400, "is whose home this is"),
        ({"name": "a", "role": "king"}, 400, '`role` is "king"; use one of viewer, operator or admin.'),
        ({"name": "TWICE", "role": "viewer"}, 409, "There is a user “TWICE” already."),
    ],
)
def test_what_can_not_be_a_user_is_refused(server: Process, value: Any, status: int, sentence: str) -> None:
    with User(server, "Twice", "viewer"):
        answer = server.mutate("addUser", value)
        assert answer.status_code == status
        assert sentence in answer.json()["error"]["message"]


def test_wrong_tokens_have_to_wait_and_right_ones_do_not(server: Process) -> None:
    with User(server, "Patient", "viewer") as user:
        wrong = {"authorization": "Bearer bt_wrong"}
        url = f"{server.url}/trpc/gastown.getMe"
        statuses = [httpx.get(url, headers=wrong).status_code for _ in range(WRONG_TOKENS + 1)]
        assert set(statuses) <= {401, 429}
        assert statuses[-1] == 429
        assert httpx.get(url, headers=user.headers).status_code == 200
