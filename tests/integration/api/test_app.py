"""The whole application's edges: who is let in, from where, and what a procedure's caller is told."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import official_client, served
from standins import Standins

from boomtown.api.procedures import gastown
from boomtown.domain.errors import (
    AlreadyRunningError,
    BadInputError,
    BoomtownError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnavailableError,
    UnsupportedError,
)


def mutate(standins: Standins, name: str, value: Any) -> httpx.Response:
    return httpx.post(f"{standins.url}/trpc/gastown.{name}", json=value, headers=standins.user)


def ask(standins: Standins, name: str, value: Any = None) -> httpx.Response:
    params = {} if value is None else {"input": json.dumps(value)}
    return httpx.get(f"{standins.url}/trpc/gastown.{name}", params=params, headers=standins.user)


# people


def test_a_procedure_asks_the_town_in_the_persons_name(standins: Standins) -> None:
    standins.town.answer = [{"id": "1"}]
    answer = ask(standins, "listBeads", {"rigId": "web", "status": "open", "direction": "forward"})
    assert answer.json() == {"result": {"data": [{"id": "1"}]}}
    ((name, (actor,), given),) = standins.town.calls
    assert (name, given) == ("list_beads", {"rig_id": "web", "status": "open"})
    assert actor.startswith("user:")


def test_the_official_client_talks_to_it_unchanged(standins: Standins) -> None:
    token = standins.home.token.read_text().strip()
    standins.town.answer = {"ok": True}
    calls = [
        {"kind": "query", "path": "gastown.getStatus"},
        {"kind": "query", "path": "gastown.getRig", "input": {"rigId": "web"}},
    ]
    seen = official_client({"url": f"{standins.url}/trpc", "link": "batch", "token": token, "calls": calls})
    assert seen["answers"] == [{"data": {"ok": True}}] * 2


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer nonsense"}, {"authorization": "Bearer é"}])
def test_without_the_homes_token_nothing_is_asked(standins: Standins, headers: dict[str, str]) -> None:
    raw = [(key.encode(), value.encode()) for key, value in headers.items()]
    answer = httpx.get(f"{standins.url}/trpc/gastown.listTowns", headers=raw)
    assert (answer.status_code, answer.json()["error"]["data"]["code"]) == (401, "UNAUTHORIZED")
    assert standins.town.calls == []


def test_an_agents_token_is_no_persons(standins: Standins) -> None:
    assert httpx.get(f"{standins.url}/trpc/gastown.listTowns", headers=standins.agent()).status_code == 401


def test_the_token_is_readable_by_its_user_alone_and_stays_the_same(standins: Standins) -> None:
    assert stat.S_IMODE(standins.home.token.stat().st_mode) == 0o600
    before = standins.home.token.read_text()
    assert Standins(standins.home.root).home.token.read_text() == before
    assert len(before.strip()) >= 32


# errors


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (BadInputError("x"), "BAD_REQUEST", 400),
        (ForbiddenError("x"), "FORBIDDEN", 403),
        (NotFoundError("x"), "NOT_FOUND", 404),
        (ConflictError("x"), "CONFLICT", 409),
        (UnsupportedError("x"), "NOT_IMPLEMENTED", 501),
        (UnavailableError("x"), "SERVICE_UNAVAILABLE", 503),
        (BoomtownError("x"), "INTERNAL_SERVER_ERROR", 500),
    ],
)
def test_each_error_of_the_town_has_its_trpc_code(standins: Standins, error: Exception, code: str, status: int) -> None:
    standins.town.error = error
    answer = ask(standins, "listTowns")
    assert answer.status_code == status
    assert answer.json()["error"]["message"] == "x"
    assert answer.json()["error"]["data"]["code"] == code


def test_the_stable_code_and_the_field_are_there_for_programs(standins: Standins) -> None:
    standins.town.error = AlreadyRunningError("x")
    assert ask(standins, "listTowns").json()["error"]["data"]["reason"] == "ALREADY_RUNNING"
    standins.town.error = BadInputError("title is empty.", field="title")
    data = mutate(standins, "sling", {"rigId": "r", "title": ""}).json()["error"]["data"]
    assert data["issues"] == [{"path": ["title"], "message": "title is empty.", "code": "BAD_REQUEST"}]


def test_an_unforeseen_error_says_nothing_of_the_inside(standins: Standins) -> None:
    standins.town.error = KeyError("secret internals")
    answer = ask(standins, "listTowns")
    assert answer.status_code == 500
    assert "secret" not in answer.text


# inputs


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("sling", {"rigId": "r"}, "`title` is missing."),
        ("sling", {"rigId": "r", "tasks": [{"title": "a"}, {"titel": "b"}]}, "`tasks[1].title` is missing."),
        ("sling", {"rigId": "r", "tasks": [{"titel": "b", "title": "b"}]}, "Did you mean `title`?"),
        ("sling", {"rigId": "r", "title": "a", "priority": "urgent"}, "use one of low, medium, high or critical."),
        ("sling", {"rigId": "r", "title": "a\0"}, "`title` has a NUL character. Remove it."),
        ("sling", {"rigId": "r", "title": "a", "model": "a\nb"}, "`model` has a line break"),
        ("sling", {"rigId": "r", "tasks": [{"title": "a", "dependsOn": [1.5]}]}, "`tasks[0].dependsOn[0]"),
        ("sling", {"rigId": "r", "tasks": "a"}, '`tasks` is "a"; it must be a list.'),
        ("createRig", {"name": "x"}, "`gitUrl` is missing."),
        ("createRig", {"name": "x", "gitUrl": "u", "maxPolecats": "5"}, "it must be a whole number."),
        ("createRig", {"name": "x", "gitUrl": "u", "merge": "later"}, "use one of review, direct or branch."),
        ("getBead", {"beadId": 7}, "`beadId` is 7; it must be a text."),
        ("getBeadEvents", {"since": -1}, "`since` is -1; it must be at least 0."),
        ("listTowns", {"x": 1}, "takes no input"),
    ],
)
def test_bad_input_is_refused_by_name_before_the_town_is_asked(
    standins: Standins, name: str, value: Any, sentence: str
) -> None:
    procedure = gastown.get(f"gastown.{name}")
    assert procedure is not None
    answer = ask(standins, name, value) if procedure.kind == "query" else mutate(standins, name, value)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]["message"]
    assert standins.town.calls == []


def test_sling_takes_one_or_many(standins: Standins) -> None:
    mutate(standins, "sling", {"rigId": "r", "title": "a", "timeoutS": 5, "priority": "high"})
    mutate(standins, "sling", {"rigId": "r", "tasks": [{"title": "a", "dependsOn": [0, "id"]}], "idempotencyKey": "k"})
    assert [given for _, _, given in standins.town.calls] == [
        {"rig_id": "r", "title": "a", "timeout_s": 5.0, "priority": "high"},
        {"rig_id": "r", "tasks": [{"title": "a", "depends_on": [0, "id"]}], "idempotency_key": "k"},
    ]


def test_what_is_not_given_is_not_changed(standins: Standins) -> None:
    mutate(standins, "updateBead", {"beadId": "b", "model": None})
    mutate(standins, "updateRig", {"rigId": "r", "maxPolecats": 3, "settings": {"gates": ["a"], "timeout": None}})
    assert [given for _, _, given in standins.town.calls] == [
        {"bead_id": "b", "model": None},
        {"rig_id": "r", "max_polecats": 3, "settings": {"gates": ["a"], "timeout": None}},
    ]


# hosts and origins

LOCAL = ["localhost", "localhost:1", "LOCALHOST:8030", "127.0.0.1:9", "127.0.0.2", "[::1]:80", "[::1]"]
FOREIGN = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "[2001:db8::1]", "10.0.0.1", ""]


@pytest.mark.parametrize("host", LOCAL)
def test_any_port_of_this_machine_is_let_in(standins: Standins, host: str) -> None:
    assert httpx.get(f"{standins.url}/health", headers={"host": host}).status_code == 200
    assert httpx.get(f"{standins.url}/health", headers={"origin": f"http://{host}"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/health", "/trpc/gastown.listTowns", "/api/towns/t/rigs/r/beads"])
@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_host_name_is_refused_everywhere(standins: Standins, path: str, host: str) -> None:
    answer = httpx.get(standins.url + path, headers={**standins.user, "host": host})
    assert answer.status_code == 403
    assert standins.town.calls == []


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "file://localhost", "http://localhost.evil.example"]
)
def test_a_page_of_another_origin_may_not_call(standins: Standins, origin: str) -> None:
    answer = httpx.get(f"{standins.url}/trpc/gastown.listTowns", headers={**standins.user, "origin": origin})
    assert (answer.status_code, answer.json()["error"]["data"]["code"]) == (403, "FORBIDDEN")


def test_with_allow_remote_any_host_is_let_in_but_no_foreign_page(tmp_path: Path) -> None:
    standins = Standins(tmp_path, allow_remote=True)
    with served(standins.app) as url:
        for headers, status in (
            ({"host": "town.example"}, 200),
            ({"host": "town.example", "origin": "https://town.example"}, 200),
            ({"host": "town.example", "origin": "https://evil.example"}, 403),
        ):
            assert httpx.get(f"{url}/health", headers=headers).status_code == status


def test_every_answer_has_the_headers_that_keep_a_browser_safe(standins: Standins) -> None:
    for path in ("/", "/health", "/nowhere", "/trpc/gastown.nope"):
        headers = httpx.get(standins.url + path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] in ("no-store", "no-cache")


def test_the_root_is_a_plain_page(standins: Standins) -> None:
    answer = httpx.get(standins.url)
    assert answer.headers["content-type"].startswith("text/html")
    assert "Boomtown" in answer.text


@pytest.mark.parametrize("path", ["/trpc/gastown.getStatus", "/api/gastown.getStatus"])
def test_a_long_answer_comes_gzipped_to_whoever_takes_it(standins: Standins, path: str) -> None:
    said = {"words": "the same again " * 5000}
    standins.town.answer = said
    for accepts, encoding in (("gzip", "gzip"), ("identity", None)):
        answer = httpx.get(f"{standins.url}{path}", headers={**standins.user, "accept-encoding": accepts})
        assert answer.headers.get("content-encoding") == encoding
        assert said in (answer.json().get("data"), answer.json().get("result", {}).get("data"))
    standins.town.answer = {"words": "few"}
    assert "content-encoding" not in httpx.get(f"{standins.url}{path}", headers=standins.user).headers
