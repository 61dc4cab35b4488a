"""Which role each procedure needs. What is not in the table needs an admin."""

from __future__ import annotations

from typing import Protocol

from boomtown.api.auth import Person
from boomtown.domain.errors import ForbiddenError
from boomtown.domain.users import Role

_TABLE = {
    Role.VIEWER: "listTowns getTown getRig listRigs listBeads getBead getBeadEvents listAgents getAgent getStream "
    "getWorkspace getResources getMergeQueue getGateOutput getDiff getStatus getInbox getMe onEvents onStreams onLive "
    "createLoginLink",
    Role.OPERATOR: "sling updateBead cancelBead retryBead startBead closeBead stopAgent sendMessage answerAgent "
    "approveBead reworkBead discardBead retryMerge pause resume checkRig pullRig openShell closeShell "
    "attachAgent detachAgent openTrial closeTrial",
    Role.ADMIN: "createTown deleteTown createRig updateRig deleteRig shutdown createBackup listBackups tryAgent "
    "listUsers addUser removeUser",
}
ROLES = {f"gastown.{name}": role for role, names in _TABLE.items() for name in names.split()}


class HasPerson(Protocol):
    @property
    def person(self) -> Person: ...


def admit(caller: HasPerson, path: str) -> None:
    """Raise `ForbiddenError` unless the caller's role covers what the procedure at `path` needs."""
    needed, person = ROLES.get(path, Role.ADMIN), caller.person
    if not person.role.covers(needed):
        raise ForbiddenError(f"{path} needs the role {needed}; {person.name} has the role {person.role}. Ask an admin.")
