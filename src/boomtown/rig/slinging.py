"""Slings beads: all of them or none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from boomtown.domain.beads import RANK, BeadStatus, BeadType, Priority
from boomtown.domain.branches import PREFIX_LENGTH, prefix
from boomtown.domain.errors import BadInputError, ConflictError
from boomtown.home.config import Settings
from boomtown.rig import finding
from boomtown.rig.objects import Object, digest_text
from boomtown.rig.transaction import Tx
from boomtown.store import beads, rigs, sql, tables
from boomtown.store.sql import Row

MOST_TASKS = 1000
LONGEST_TITLE = 2_000
LONGEST_BODY = 1 << 20
KEY_KEPT_S = 30 * 86_400.0


@dataclass(frozen=True)
class Task:
    """One bead to be. `depends_on`: indexes into the same list, or beads of the same rig. `timeout_s` in seconds.

    `budget_usd`, `budget_tokens`: what it may cost; None: no bound of its own. `report`: its agent's text is wanted.
    """

    title: str
    body: str = ""
    priority: str = Priority.MEDIUM
    agent: str | None = None
    model: str | None = None
    timeout_s: float | None = None
    budget_usd: float | None = None
    budget_tokens: int | None = None
    hold: bool = False
    report: bool = False
    depends_on: tuple[int | str, ...] = ()


def check_title(title: Any, where: str = "title") -> str:
    """A title that can be a line of its own. Raises `BadInputError`."""
    if not isinstance(title, str) or not title.strip():
        raise BadInputError(f"{where} is empty. Say in one line what is to be done.", field=where)
    if len(title) > LONGEST_TITLE:
        cure = "Put the details into the body."
        raise BadInputError(f"{where} has {len(title)} characters; at most {LONGEST_TITLE} fit. {cure}", field=where)
    if any(ord(char) < 32 or ord(char) == 127 for char in title.strip()):
        raise BadInputError(
            f"{where} has a line break or control character: {title[:60]!r}. Use one line.", field=where
        )
    return title.strip()


def check_body(body: Any, where: str = "body") -> str:
    if not isinstance(body, str):
        raise BadInputError(f"{where} must be a text, not {type(body).__name__}.", field=where)
    if len(body.encode("utf-8", "surrogatepass")) > LONGEST_BODY:
        raise BadInputError(f"{where} is longer than 1 MiB. Put the rest into a file of the repository.", field=where)
    if "\0" in body:
        raise BadInputError(f"{where} has a NUL character. Remove it.", field=where)
    return body


def check_priority(priority: Any, where: str = "priority") -> Priority:
    try:
        return Priority(priority)
    except ValueError:
        words = ", ".join(Priority)
        raise BadInputError(f"{where} is {priority!r}; it must be one of {words}.", field=where) from None


def check_timeout(timeout_s: Any, where: str = "timeoutS") -> float | None:
    if timeout_s is None:
        return None
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, (int, float)) or not 0 < timeout_s <= 30 * 86_400:
        raise BadInputError(f"{where} is {timeout_s!r}; it must be seconds, above 0, at most 30 days.", field=where)
    return float(timeout_s)


def check_budget(amount: Any, where: str) -> float | None:
    if amount is None:
        return None
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not 0 < amount < 1e15:
        raise BadInputError(f"{where} is {amount!r}; it must be a number above 0.", field=where)
    return amount


def sling(
    tx: Tx, rig: Row, tasks: Sequence[Task], settings: Settings, key: str | None
) -> tuple[list[str], Object | None]:
    """Store the tasks as beads; returns their ids, and the stored answer if `key` was used for them before."""
    digest = hashlib.sha256(digest_text([_told(task) for task in tasks]).encode("utf-8", "surrogatepass")).hexdigest()
    if key is not None:
        known = rigs.idempotent_answer(tx.db, rig["id"], key, tx.now - KEY_KEPT_S)
        if known is not None and known["digest"] != digest:
            raise ConflictError(
                f"The key “{key}” was used for other tasks. Use a new key, or the same tasks.", code="KEY_CONFLICT"
            )
        if known is not None:
            return [], known["answer"]
    if not tasks:
        raise BadInputError("There is nothing to sling: give at least one title.", field="tasks")
    if len(tasks) > MOST_TASKS:
        raise BadInputError(f"{len(tasks)} tasks are too many at once; at most {MOST_TASKS} fit.", field="tasks")
    _check_cycles(tasks)
    ids = [tx.new_id() for _ in tasks]
    for index, task in enumerate(tasks):
        where = f"tasks[{index}]." if len(tasks) > 1 else ""
        add_bead(tx, rig, ids[index], task, settings, where)
    for index, task in enumerate(tasks):
        if task.depends_on:
            where = f"tasks[{index}].dependsOn"
            blockers = [_blocker(tx, rig, ref, ids, index, where) for ref in task.depends_on]
            beads.set_blockers(tx.db, ids[index], blockers)
    if key is not None:
        rigs.remember_answer(tx.db, rig["id"], key, digest, None, tx.now)
    return ids, None


def _told(task: Task) -> dict[str, Any]:
    """What a key stands for. A key used before there were reports still stands for the same tasks."""
    told = asdict(task)
    return told if task.report else {name: value for name, value in told.items() if name != "report"}


def remember(tx: Tx, rig: Row, key: str, answer: Object) -> None:
    """Keep the answer to a key, in the transaction that made it."""
    table = tables.idempotency
    tx.db.execute(table.update().where(table.c.rig_id == rig["id"], table.c.key == key), {"answer": answer})


def add_bead(
    tx: Tx,
    rig: Row,
    bead_id: str,
    task: Task,
    settings: Settings,
    where: str = "",
    *,
    bead_type: str = BeadType.ISSUE,
    metadata: Any = None,
    labels: Sequence[str] = (),
    parent: str | None = None,
) -> None:
    """Store one checked bead."""
    if task.report:
        metadata = {"report": True}
    title = check_title(task.title, f"{where}title")
    body = check_body(task.body, f"{where}body")
    priority = check_priority(task.priority, f"{where}priority")
    timeout_s = check_timeout(task.timeout_s, f"{where}timeoutS")
    budget_usd = check_budget(task.budget_usd, f"{where}budgetUsd")
    budget_tokens = check_budget(task.budget_tokens, f"{where}budgetTokens")
    agents = []
    if bead_type == BeadType.ISSUE:
        agents = [agent.name for agent in settings.pick_agents(task.agent, rig["agent"])]
    sql.add(
        tx.db,
        tables.beads,
        id=bead_id,
        rig_id=rig["id"],
        parent_bead_id=parent,
        type=bead_type,
        status=BeadStatus.OPEN,
        title=title,
        body=body,
        priority=priority,
        rank=RANK[priority],
        labels=list(labels),
        metadata=metadata if metadata is not None else {},
        agent_kind=agents[0] if agents else None,
        agents=",".join(agents) or None,
        model=task.model,
        timeout_s=timeout_s,
        budget_usd=budget_usd,
        budget_tokens=budget_tokens,
        prefix=prefix(bead_id, beads.ids_like(tx.db, rig["id"], bead_id[:PREFIX_LENGTH])),
        held=task.hold,
        created_by=tx.actor,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.emit("bead.created", rig=rig, bead_id=bead_id, title=title, type=bead_type, priority=priority)


def _check_cycles(tasks: Sequence[Task]) -> None:
    graph = {index: [ref for ref in task.depends_on if isinstance(ref, int)] for index, task in enumerate(tasks)}
    check_acyclic(graph, lambda index: f"“{tasks[index].title}”" if index < len(tasks) else str(index))


def check_acyclic(graph: dict[Any, list[Any]], name: Any) -> None:
    """Raise `BadInputError` naming the circle, if what beads wait for goes round."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " → ".join(name(item) for item in error.args[1])
        raise BadInputError(f"dependsOn goes round in a circle: {circle}. Remove one.", field="dependsOn") from None


def _blocker(tx: Tx, rig: Row, ref: int | str, ids: list[str], index: int, where: str) -> str:
    if isinstance(ref, int):
        if not 0 <= ref < len(ids):
            cure = f"Use 0 to {len(ids) - 1}, or a bead id."
            raise BadInputError(f"{where} has {ref}, but there are {len(ids)} tasks. {cure}", field="dependsOn")
        if ref == index:
            raise BadInputError(f"{where} names the task itself ({ref}). Remove it.", field="dependsOn")
        return ids[ref]
    return blocker_id(tx, rig, ref, where)


def blocker_id(tx: Tx, rig: Row, ref: str, where: str) -> str:
    """A bead of the same rig that another may wait for."""
    bead = finding.bead(tx.db, ref)
    if bead["rig_id"] != rig["id"]:
        raise BadInputError(
            f"{where}: “{ref}” belongs to another rig. Name a bead of {rig['name']}.", field="dependsOn"
        )
    if bead["type"] != BeadType.ISSUE:
        raise BadInputError(f"{where}: “{ref}” is no issue. Only issues can be waited for.", field="dependsOn")
    return bead["id"]


def results(bead_objects: list[Object], agents: dict[str, Object]) -> list[Object]:
    """Who got what: one result a bead, in the order given."""
    return [
        {
            "bead": bead,
            "agent": agents.get(bead["id"]),
            "state": "assigned" if bead["status"] == BeadStatus.IN_PROGRESS else "queued",
            "queueReason": bead["queue_reason"],
            "queuePosition": bead["queue_position"],
        }
        for bead in bead_objects
    ]
