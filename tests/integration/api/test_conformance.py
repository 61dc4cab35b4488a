"""Every procedure through the official client against a real town: once as it should be, once wrong."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from serving import CLIENT, node, official_client, wait_until
from test_town import Town, start_town

from boomtown.api.procedures import gastown
from boomtown.home.person import login_name

CONTRACT = """
createTown listTowns getTown deleteTown createRig getRig listRigs updateRig deleteRig listBeads getBead updateBead
cancelBead retryBead startBead closeBead getBeadEvents listAgents getAgent stopAgent sendMessage sling getMergeQueue
approveBead reworkBead discardBead retryMerge getDiff getStatus getInbox pause resume
"""
LINKS = ("http", "batch", "stream")


class Session:
    """The official client, kept open. It goes through its links in turn."""

    def __init__(self, town: Town) -> None:
        token = town.home.token.read_text().strip()
        self._process = subprocess.Popen(
            [node(), "session.mjs", f"{town.url}/trpc", token],
            cwd=CLIENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._links = itertools.cycle(LINKS)
        self.called: set[str] = set()

    def ask_all(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Their answers, in the order of the calls."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.writelines(json.dumps({"id": number, **call}) + "\n" for number, call in enumerate(calls))
        stdin.flush()
        answers = [json.loads(stdout.readline()) for _ in calls]
        return sorted(answers, key=lambda answer: answer["id"])

    def ask(self, name: str, /, **value: Any) -> dict[str, Any]:
        procedure = gastown.get(f"gastown.{name}")
        assert procedure is not None
        self.called.add(name)
        call = {"link": next(self._links), "kind": procedure.kind, "path": procedure.path}
        (answer,) = self.ask_all([{**call, "input": value} if value else call])
        return answer

    def right(self, name: str, /, **value: Any) -> Any:
        """The data of a call, which has the shape that is promised; a mutation is in the ledger, with who made it."""
        procedure = gastown.get(f"gastown.{name}")
        assert procedure is not None
        before = self.ask("getStatus")["data"]["last_seq"] if procedure.kind == "mutation" else None
        answer = self.ask(name, **value)
        assert "data" in answer, (name, answer)
        shape = TypeAdapter(procedure.output)
        assert shape.dump_python(shape.validate_python(answer["data"]), mode="json") == answer["data"]
        if before is not None:
            events = self.ask("getBeadEvents", since=before)["data"]["items"]
            assert f"user:{login_name()}" in {event["actor"] for event in events}, name
        return answer["data"]

    def end(self) -> None:
        self._process.communicate(timeout=30)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with start_town(tmp_path_factory.mktemp("conformance")) as town:
        yield town


@pytest.fixture
def session(town: Town) -> Iterator[Session]:
    session = Session(town)
    yield session
    session.end()


def wait_for(session: Session, bead: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def there() -> bool:
        found.update(session.ask("getBead", beadId=bead)["data"])
        return holds(found)

    wait_until(there, 60)
    return found


def is_in(status: str) -> Callable[[dict[str, Any]], bool]:
    return lambda bead: bead["status"] == status


def test_every_procedure_does_what_it_should(town: Town, session: Session) -> None:
    right = session.right

    # towns and rigs
    second = right("createTown", name="second")["id"]
    assert [known["name"] for known in right("listTowns")] == ["home", "second"]
    rig = right("createRig", townId=second, name="other", gitUrl=str(town.origin), gates=["true"])
    assert right("listRigs", townId=second)[0]["id"] == rig["id"]
    assert right("getTown", townId=second)["rigs"][0]["name"] == "other"
    assert right("updateRig", rigId="other", settings={"max_polecats": 2})["max_polecats"] == 2
    assert right("updateRig", rigId="other", maxPolecats=3)["max_polecats"] == 3
    assert right("checkRig", rigId="other")["green"]
    assert right("deleteRig", rigId="other") == {}
    assert right("deleteTown", townId=second) == {}

    # beads that wait
    many = right("sling", rigId="web", tasks=[{"title": "a"}, {"title": "b", "dependsOn": [0]}], hold=True)["results"]
    assert [task["queueReason"] for task in many] == ["held", "held"]
    first, other = (task["bead"]["id"] for task in many)
    assert right("updateBead", beadId=other, priority="high")["priority"] == "high"
    assert right("cancelBead", beadId=other)["status"] == "cancelled"
    assert right("retryBead", beadId=other)["status"] == "open"
    page = right("listBeads", rigId="web", limit=1)
    assert right("listBeads", rigId="web", limit=1, cursor=page["nextCursor"])["items"][0]["id"] == other
    assert right("pause", rigId="web") == {"paused": True}
    assert right("resume", rigId="web") == {"paused": False}

    # an agent at work
    slung = right("sling", rigId="web", title="wait")
    agent, waiting = slung["agent"]["id"], slung["bead"]["id"]
    assert right("getRig", rigId="web")["beads"][0]["id"] == waiting
    assert right("listAgents", rigId="web")[0]["id"] == agent
    assert right("getStream", agentId=agent, waitS=30)["frames"][0]["data"] == "hello from Toast"
    workspace = right("getWorkspace", agentId=agent)
    assert Path(workspace["path"]).is_dir()
    assert workspace["env"]["BOOMTOWN_AGENT_NAME"] == "Toast"
    assert workspace["env"]["GASTOWN_SESSION_TOKEN"] is None
    assert isinstance(right("getResources", agentId=agent)["samples"], list)
    shell = right("openShell", agentId=agent)
    assert right("closeShell", session=shell["session"]) == {}
    right("updateRig", rigId="web", settings={"run": "true"})
    trial = right("openTrial", beadId=waiting)
    assert right("closeTrial", session=trial["session"]) == {}
    assert not Path(trial["path"]).exists()
    assert right("sendMessage", agentId=agent, message="hello")["state"] == "queued"
    assert right("stopAgent", agentId=agent)["bead_id"] == waiting
    wait_for(session, waiting, lambda bead: bead["queue_reason"] == "held")
    assert right("getAgent", agentId="web/Toast")["bead_id"] == waiting
    assert {item["kind"] for item in right("getInbox")} == {"held"}

    # work that is reviewed and lands
    assert right("startBead", beadId=first)["status"] == "in_progress"
    assert wait_for(session, first, is_in("in_review"))["merge"]["status"] == "approval"
    assert right("getDiff", beadId=first)["stat"]
    assert right("reworkBead", beadId=first, comment="again")["status"] in ("open", "in_progress")
    wait_for(session, first, is_in("in_review"))
    right("updateRig", rigId="web", settings={"gates": ["false"]})
    right("approveBead", beadId=first)
    wait_for(session, first, lambda bead: bead["merge"]["status"] == "base_red")
    merge = right("getMergeQueue", rigId="web")[-1]
    gates = right("getGateOutput", mergeId=merge["id"])
    assert [(step["gate"], step["command"], step["result"]) for step in gates["steps"]] == [
        (1, "false", "exit status 1")
    ]
    assert right("getGateOutput", mergeId=merge["id"], since=gates["nextSince"])["text"] == ""
    right("updateRig", rigId="web", settings={"gates": []})
    assert right("retryMerge", mergeId=merge["id"])["bead_id"] == first
    assert wait_for(session, first, is_in("closed"))["merge"]["status"] == "merged"
    assert right("pullRig", rigId="web")["message"]
    assert right("discardBead", beadId=waiting)["status"] == "cancelled"

    # what an agent asks of people
    right("sling", rigId="web", title="escalate")
    escalations: list[dict[str, Any]] = []
    wait_until(lambda: bool(escalations.extend(_escalations(session)) or escalations), 60)
    assert right("closeBead", beadId=escalations[0]["id"])["status"] == "closed"

    # people, and the whole
    assert right("getMe")["role"] == "admin"
    assert right("addUser", name="Ada", role="viewer")["token"]
    assert right("listUsers")[0]["name"] == "Ada"
    assert right("removeUser", name="ada") == {}
    assert right("createBackup")["name"] == right("listBackups")[0]["name"]
    assert right("createLoginLink")["path"].startswith("/login?code=")
    assert right("tryAgent", agent="mine") == {"tried": []}
    assert right("getStatus")["rigs"][0]["name"] == "web"

    assert set(CONTRACT.split()) <= session.called
    known = {procedure.path.removeprefix("gastown.") for procedure in gastown if procedure.kind != "subscription"}
    of_their_own = {"answerAgent", "attachAgent", "detachAgent", "shutdown"}
    assert known - session.called == of_their_own, "shown by tests of their own"


def _escalations(session: Session) -> list[dict[str, Any]]:
    return session.ask("listBeads", rigId="web", type="escalation")["data"]["items"]


@pytest.mark.parametrize("link", LINKS)
def test_every_procedure_refuses_what_is_wrong_by_name_and_does_nothing(
    town: Town, session: Session, link: str
) -> None:
    before = session.ask("getStatus")["data"]["last_seq"]
    procedures = [procedure for procedure in gastown if procedure.kind != "subscription"]
    calls = [
        {"link": link, "kind": procedure.kind, "path": procedure.path, "input": {"noSuchField": 1}}
        for procedure in procedures
    ]
    for procedure, answer in zip(procedures, session.ask_all(calls), strict=True):
        shape = answer["error"]["shape"]
        assert shape["data"]["code"] == "BAD_REQUEST", procedure.path
        assert shape["data"]["path"] == procedure.path
        if procedure.input is not None:
            assert "`noSuchField` is not known here." in shape["message"]
            assert ["noSuchField"] in [issue["path"] for issue in shape["data"]["issues"]]
    assert session.ask("getStatus")["data"]["last_seq"] == before


UNKNOWN = {
    "rigId": "listBeads getRig checkRig pullRig deleteRig getMergeQueue pause resume",
    "beadId": "getBead startBead cancelBead retryBead closeBead approveBead discardBead getDiff updateBead openTrial",
    "agentId": "getAgent stopAgent getStream getWorkspace getResources openShell",
    "mergeId": "retryMerge getGateOutput",
    "townId": "getTown deleteTown listRigs",
    "name": "removeUser",
}

NOWHERE = "nowhere-at-all"
UNKNOWN_WITH_MORE = {
    "sling": {"rigId": NOWHERE, "title": "a"},
    "updateRig": {"rigId": NOWHERE, "maxPolecats": 2},
    "createRig": {"townId": NOWHERE, "name": "new", "gitUrl": "/nowhere"},
    "listAgents": {"rigId": NOWHERE},
    "getBeadEvents": {"beadId": NOWHERE},
    "reworkBead": {"beadId": NOWHERE, "comment": "again"},
    "sendMessage": {"agentId": NOWHERE, "message": "hello"},
    "answerAgent": {"agentId": NOWHERE, "answer": "yes"},
}


def test_what_is_not_there_is_not_found(session: Session) -> None:
    for field, names in UNKNOWN.items():
        for name in names.split():
            answer = session.ask(name, **{field: NOWHERE})
            assert answer["error"]["shape"]["data"]["code"] == "NOT_FOUND", (name, answer)
    for name, value in UNKNOWN_WITH_MORE.items():
        answer = session.ask(name, **value)
        assert answer["error"]["shape"]["data"]["code"] == "NOT_FOUND", (name, answer)


def test_what_a_beads_status_does_not_allow_is_a_conflict_and_changes_nothing(session: Session) -> None:
    held = session.right("sling", rigId="web", title="Nothing yet", hold=True)["bead"]
    allowed = {"startBead", "cancelBead", "discardBead", "updateBead", "openTrial", "getBead", "getDiff"}
    illegal = {name: {"beadId": held["id"]} for name in UNKNOWN["beadId"].split() if name not in allowed}
    illegal |= {"getDiff": {"beadId": held["id"]}, "reworkBead": {"beadId": held["id"], "comment": "again"}}
    for name, value in illegal.items():
        data = session.ask(name, **value)["error"]["shape"]["data"]
        assert (data["code"], data["httpStatus"]) == ("CONFLICT", 409), name
    assert session.right("getBead", beadId=held["id"]).items() >= held.items()
    assert session.right("cancelBead", beadId=held["id"])["status"] == "cancelled"
    for name in ("startBead", "cancelBead", "approveBead", "closeBead"):
        data = session.ask(name, beadId=held["id"])["error"]["shape"]["data"]
        assert data["code"] == "CONFLICT", name


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        *(("listBeads", "cursor", {"cursor": cursor}) for cursor in ("x", "-1", "9" * 30, "1_0")),
        ("updateRig", "settings", {}),
        ("updateRig", "settings", {"settings": {}}),
    ],
)
def test_what_the_types_allow_but_makes_no_sense_is_refused_by_name(
    session: Session, name: str, field: str, value: dict[str, Any]
) -> None:
    data = session.ask(name, rigId="web", **value)["error"]["shape"]["data"]
    assert (data["code"], data["issues"][0]["path"]) == ("BAD_REQUEST", [field])


@pytest.mark.parametrize("name", ["onEvents", "onStreams", "onLive"])
def test_every_subscription_begins_resumes_and_refuses(town: Town, name: str) -> None:
    def listen(**value: Any) -> dict[str, Any]:
        program = {"path": f"gastown.{name}", "input": value, "take": 2}
        token = town.home.token.read_text().strip()
        return official_client({"url": f"{town.url}/trpc", "token": token, "subscribe": program})

    refused = listen(lastEventId="nonsense")["error"]["shape"]
    assert (refused["data"]["code"], refused["data"]["issues"][0]["path"]) == ("BAD_REQUEST", ["lastEventId"])
    assert listen(noSuchField=1)["error"]["shape"]["data"]["code"] == "BAD_REQUEST"
    bead = town.mutate("sling", {"rigId": "web", "title": "wait"}).json()["result"]["data"]["bead"]["id"]
    events_alone = {"streams": False} if name == "onLive" else {}  # an agent's lines come in between as they like
    start = {"onEvents": {"lastEventId": "0"}, "onStreams": {}, "onLive": {"lastEventId": "0."}}[name]
    first = listen(**start, **events_alone)["events"]
    second = listen(lastEventId=first[0]["id"], **events_alone)["events"]
    assert second[0] == first[1], "resumed right after the one that was named"
    town.mutate("cancelBead", {"beadId": bead}).raise_for_status()
