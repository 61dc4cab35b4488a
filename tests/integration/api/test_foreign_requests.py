"""Any body, path, query or token, on every route and procedure: an answer in its form, never 5xx."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served_town import ServedTown

from boomtown.api.agents import BASE, VERBS
from boomtown.api.procedures import gastown
from boomtown.home.clock import SystemClock

fuzz = settings(derandomize=True, database=None, deadline=None, max_examples=150)
LEFT_OUT = ("gastown.shutdown", "gastown.onEvents", "gastown.onStreams", "gastown.onLive")
"""The first ends the server; the others never end."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedTown]:
    made = ServedTown(tmp_path_factory.mktemp("foreign") / "home")
    yield made
    made.close()


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800")
scalars |= st.sampled_from(["9" * 30, 10**30, -1, 2**63, "x" * 3000, "0", "\0", "%", "../..", "' OR 1=1 --"])
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner), max_leaves=6
)
FIELDS = re.findall(
    r"\w+",
    "branch summary status data question options title body priority metadata type labels parent_bead_id bead_id "
    "to_agent_id subject target_agent_id message mode reason review_status completed pr_url",
)
bodies = st.dictionaries(st.sampled_from(FIELDS), anything, max_size=5)
raw = st.binary(max_size=30) | st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"nul", b'"\\ud800"'])
sent = bodies.map(lambda value: json.dumps(value).encode()) | anything.map(lambda v: json.dumps(v).encode()) | raw
place = st.sampled_from(["real", "real", "real", "other"]) | st.text(
    st.characters(codec="utf-8"), min_size=1, max_size=9
)
text = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=9)  # a path with it is no path


@fuzz
@given(st.sampled_from(VERBS), sent, place, place, text, st.booleans())
def test_any_call_of_an_agent_is_answered_in_the_envelope(
    town: ServedTown, verb: tuple[str, str, Any], body: bytes, agent: str, bead: str, since: str, fresh: bool
) -> None:
    method, path, _ = verb
    names = {"real": town.agent}, {"real": town.bead}
    filled = (BASE + path).format(
        town_id=town.town, rig_id=town.rig, agent_id=names[0].get(agent, agent), bead_id=names[1].get(bead, bead)
    )
    claims = town.claims if fresh else replace(town.claims, run=town.claims.run + 1000)
    token = town.token if fresh else town.runtime.tokens.issue(claims, SystemClock().now() + 3600)
    query = urllib.parse.urlencode({"since": since, "all": since})
    status, answer = town.ask(method, filled, query, body, token)
    told = json.loads(answer)
    assert status < 500, told
    assert told["success"] is (status == 200)
    assert fresh or status != 200, "a run that never was is answered"


@fuzz
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=40)
    | st.sampled_from(["a.b.c", "e30.e30.", "."])
)
def test_any_token_is_refused_in_the_envelope(town: ServedTown, token: str) -> None:
    status, answer = town.ask("GET", BASE.format(town_id=town.town, rig_id=town.rig) + "/beads", "", b"", token)
    assert status in (401, 429)
    assert json.loads(answer)["success"] is False


NAMES = re.findall(
    r"\w+",
    "rigId townId beadId agentId name gitUrl title body priority model agent tasks limit cursor status type since "
    "message answer text action settings maxPolecats gates merge idempotencyKey timeoutS dependsOn budgetUsd id role",
)
procedures = [procedure for procedure in gastown if procedure.path not in LEFT_OUT]


@fuzz
@given(
    st.sampled_from(procedures), st.dictionaries(st.sampled_from(NAMES), anything, max_size=5) | anything, st.booleans()
)
def test_any_input_of_a_procedure_is_answered(town: ServedTown, procedure: Any, given: Any, known: bool) -> None:
    if isinstance(given, dict) and known:
        given = {"rigId": town.rig, "townId": town.town, "beadId": town.bead, "agentId": town.agent, **given}
    text = json.dumps(given)
    reads = procedure.kind == "query"
    query = urllib.parse.urlencode({"input": text}) if reads else ""
    body = b"" if reads else text.encode()
    status, answer = town.ask("GET" if reads else "POST", f"/trpc/{procedure.path}", query, body, town.person)
    told = json.loads(answer)
    assert status < 500 or told["error"]["data"]["reason"] == "UNAVAILABLE", (procedure.path, given, told)
    assert ("result" in told) is (status == 200)


paths = st.lists(st.sampled_from([p.path for p in procedures if p.kind == "query"]) | text, min_size=1, max_size=4)


@fuzz
@given(
    paths.map(",".join),
    st.sampled_from(["GET", "POST", "PUT", "HEAD"]),
    st.dictionaries(st.sampled_from(["batch", "input", "lastEventId"]), text | anything.map(json.dumps) | st.just("1")),
    sent,
)
def test_any_request_of_a_client_is_answered_as_json(
    town: ServedTown, path: str, method: str, query: dict[str, str], body: bytes
) -> None:
    encoded = urllib.parse.urlencode(query, errors="replace")
    status, answer = town.ask(method, f"/trpc/{path}", encoded, body, town.person)
    told = json.loads(answer) if answer else {}
    reasons = {
        part["error"]["data"].get("reason") for part in (told if isinstance(told, list) else [told]) if "error" in part
    }
    assert status < 500 or reasons == {"UNAVAILABLE"}, told
