"""The registry against the contract and against the service behind it."""

from __future__ import annotations

import inspect
import re

import pytest
from pydantic import TypeAdapter

from boomtown.api.procedures import gastown
from boomtown.api.procedures.roles import ROLES
from boomtown.rig.town import Town

CONTRACT = {
    "query": "listTowns getTown getRig listRigs listBeads getBead getBeadEvents listAgents getAgent getMergeQueue "
    "getGateOutput getDiff getStatus getInbox getStream getWorkspace getResources getMe listUsers listBackups",
    "mutation": "createTown deleteTown createRig updateRig deleteRig checkRig pullRig sling updateBead cancelBead "
    "retryBead startBead closeBead stopAgent sendMessage approveBead reworkBead discardBead retryMerge pause resume "
    "answerAgent shutdown openShell closeShell openTrial closeTrial createLoginLink addUser removeUser createBackup "
    "tryAgent attachAgent detachAgent",
}
OURS = ("gastown.createLoginLink", "gastown.getMe")
"""The server's own affair, not the town's."""
CALLS = [procedure for procedure in gastown if procedure.kind != "subscription" and procedure.path not in OURS]


@pytest.mark.parametrize("kind", ["query", "mutation"])
def test_every_procedure_of_the_contract_is_there(kind: str) -> None:
    assert {p.path for p in gastown if p.kind == kind} == {f"gastown.{name}" for name in CONTRACT[kind].split()}


@pytest.mark.parametrize("procedure", CALLS, ids=lambda procedure: procedure.path)
def test_the_town_takes_what_a_procedure_gives_it(procedure) -> None:
    method = getattr(Town, re.sub(r"[A-Z]", lambda m: "_" + m[0].lower(), procedure.path.removeprefix("gastown.")))
    takes = inspect.signature(method).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values()):
        return
    camel = {re.sub(r"_(\w)", lambda m: m[1].upper(), name) for name in takes}
    schema = TypeAdapter(procedure.input).json_schema() if procedure.input is not None else {}
    arms = [schema["$defs"][arm["$ref"].rpartition("/")[2]] for arm in schema.get("oneOf", [])] or [schema]
    for arm in arms:
        assert set(arm.get("properties", {})) - {"direction"} <= camel


@pytest.mark.parametrize("procedure", list(gastown), ids=lambda procedure: procedure.path)
def test_every_procedure_says_what_it_is_for(procedure) -> None:
    assert procedure.doc.endswith(".")


def test_every_procedure_has_a_role() -> None:
    assert set(ROLES) == {procedure.path for procedure in gastown}
