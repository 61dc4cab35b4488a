"""The procedures as plain HTTP, and their description."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import httpx
import pytest
from standins import Standins

from boomtown.api.procedures import gastown


def test_a_query_takes_its_input_from_the_url(standins: Standins) -> None:
    standins.town.answer = {"items": []}
    answer = httpx.get(
        f"{standins.url}/api/gastown.listBeads?rigId=web&limit=5&status=open&type=&cursor=", headers=standins.user
    )
    assert answer.json() == {"success": True, "data": {"items": []}}
    ((name, _, given),) = standins.town.calls
    assert (name, given) == ("list_beads", {"rig_id": "web", "limit": 5, "status": "open"})


def test_a_mutation_takes_its_input_from_a_json_body(standins: Standins) -> None:
    value = {"rigId": "web", "tasks": [{"title": "a"}]}
    assert httpx.post(f"{standins.url}/api/gastown.sling", json=value, headers=standins.user).json()["success"]
    assert standins.town.calls[0][2] == {"rig_id": "web", "tasks": [{"title": "a"}]}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("GET", "gastown.listBeads", None, 400, "`rigId` is missing."),
        ("GET", "gastown.listBeads?rigId=r&limit=many", None, 400, '`limit` is "many"; it must be a whole number.'),
        ("GET", "gastown.listBeads?rigId=", None, 400, "`rigId` is missing."),
        ("GET", "gastown.listBeads?rigId=r&limits=", None, 400, "Did you mean `limit`?"),
        ("GET", "gastown.listBeads?rigId=r&limits=1", None, 400, "Did you mean `limit`?"),
        ("GET", "gastown.sling", None, 405, "takes POST"),
        ("POST", "gastown.listBeads", b"{}", 405, "takes GET"),
        ("POST", "gastown.sling", b"{", 400, "not valid JSON"),
        ("POST", "gastown.sling", b'{"rigId": "r"}', 400, "`title` is missing."),
        ("GET", "gastown.onEvents", None, 404, "no procedure"),
        ("GET", "gastown.nope", None, 404, "no procedure"),
    ],
)
def test_what_is_wrong_is_said_in_the_envelope(
    standins: Standins, method: str, path: str, body: bytes | None, status: int, sentence: str
) -> None:
    headers = {**standins.user, "content-type": "application/json"}
    answer = httpx.request(method, f"{standins.url}/api/{path}", content=body, headers=headers)
    assert (answer.status_code, answer.json()["success"]) == (status, False)
    assert sentence in answer.json()["error"]
    assert standins.town.calls == []


def test_a_form_of_a_foreign_page_changes_nothing(standins: Standins) -> None:
    answer = httpx.post(f"{standins.url}/api/gastown.pause", content=b"{}", headers=standins.user)
    assert answer.status_code == 400
    assert standins.town.calls == []


def test_a_token_is_needed(standins: Standins) -> None:
    assert httpx.get(f"{standins.url}/api/gastown.listTowns").status_code == 401


def references(value: Any) -> set[str]:
    if isinstance(value, list):
        return {ref for item in value for ref in references(item)}
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own | {ref for item in value.values() for ref in references(item)}
    return set()


def test_the_openapi_document_has_every_call_and_leads_nowhere_else(standins: Standins) -> None:
    document = httpx.get(f"{standins.url}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    calls = {p.path: "get" if p.kind == "query" else "post" for p in gastown if p.kind != "subscription"}
    assert {path.removeprefix("/api/"): list(item) for path, item in document["paths"].items()} == {
        path: [method] for path, method in calls.items()
    }
    for ref in references(document):
        place = document
        for part in ref.removeprefix("#/").split("/"):
            place = place[part]
    (limit,) = [p for p in document["paths"]["/api/gastown.listBeads"]["get"]["parameters"] if p["name"] == "limit"]
    assert limit["schema"]["type"] == "integer"
    assert not limit["required"]
    change = document["components"]["schemas"]["UpdateBead"]
    assert change["required"] == ["beadId"]
    assert "default" not in json.dumps(change), "what is not given stays as it is"


def test_the_page_lists_every_procedure_without_any_script(standins: Standins) -> None:
    page = httpx.get(f"{standins.url}/docs").text
    for procedure in gastown:
        assert f'id="{procedure.path.removeprefix("gastown.")}"' in page
    assert "<script" not in page
    queries = [procedure for procedure in gastown if procedure.kind == "query"]
    assert page.count("<form") == len(queries), "each can be tried where it is described"
    assert '<form action="/api/gastown.listBeads"><label>rigId<input name="rigId" required>' in page
    assert escape('-d \'{"title": "…", "rigId": "…"}\' http') in page
    assert httpx.get(f"{standins.url}/docs/style.css").headers["content-type"].startswith("text/css")
