"""The merge queue of a rig: takes one branch on until it has landed, or says why it can't."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from boomtown.container.client import ContainerClient
from boomtown.container.protocol import GateResult, GateSpec, MergePlan, MergeSpec, PushSpec
from boomtown.domain.attempts import LIMIT
from boomtown.domain.beads import BeadStatus
from boomtown.domain.errors import ConflictError, NotFoundError, UnavailableError
from boomtown.domain.merges import MergeMode, MergeStatus
from boomtown.domain.runs import Outcome
from boomtown.domain.verdict import spend
from boomtown.rig.changes import move_bead, set_merge
from boomtown.rig.dispatch import Dispatch
from boomtown.rig.engine import SYSTEM, Engine
from boomtown.rig.look import rules_of
from boomtown.rig.objects import digest_text
from boomtown.rig.prompts import landing_message
from boomtown.rig.transaction import Tx
from boomtown.store import beads, merges, rigs, runs, sql, tables
from boomtown.store.sql import Row

log = structlog.get_logger()

CLAIMABLE = (MergeStatus.WAITING, MergeStatus.TESTING, MergeStatus.LANDING, MergeStatus.BASE_RED)


@dataclass(frozen=True)
class Job:
    """One merge with all that belongs to it."""

    merge: Row
    bead: Row
    rig: Row
    name: str
    summary: str | None


class Refinery:
    """Each step is stored before the next; a crash anywhere leads back to the last stored one."""

    def __init__(self, engine: Engine, container: ContainerClient, dispatch: Dispatch) -> None:
        self._engine, self._container, self._dispatch = engine, container, dispatch

    async def land(self, merge_id: str) -> None:
        """Take one merge as far as it goes now. A remote that moved meanwhile starts it again from the fetch.

        What keeps it where it is, is on the merge for people to read. Raises `UnavailableError`: try again later.
        """
        job = await self._engine.read(lambda db: _job(db, merge_id))
        if job is None:
            return
        try:
            await self._advance(job)
        except (ConflictError, NotFoundError) as error:
            await self._step(job, MergeStatus.REMOTE_REFUSED, error=error.message, candidate=None)
        except UnavailableError as error:
            await self._say(job, error.message)
            raise

    async def _advance(self, job: Job) -> None:
        if job.merge["status"] == MergeStatus.LANDING and await self._was_pushed(job):
            return
        if job.rig["merge"] == MergeMode.BRANCH:
            await self._push_branch(job)
            return
        if job.merge["status"] == MergeStatus.BASE_RED and not await self._base_moved(job):
            return
        plan = await self._container.merge(self._spec(job))
        if plan.conflicts:
            await self._conflict(job, plan)
        elif plan.already_merged:
            await self._landed(job, plan.tip)
        elif await self._is_green(job, plan):
            await self._push(job, plan)

    def _spec(self, job: Job) -> MergeSpec:
        author = self._dispatch.author(job.name)
        return MergeSpec(
            rig=job.rig["name"],
            merge_id=job.merge["id"],
            branch=job.merge["branch"],
            base_branch=job.rig["default_branch"],
            style=job.rig["landing"],
            message=landing_message(job.bead, job.summary, self._dispatch.co_author(job.name)),
            author_name=author.name,
            author_email=author.email,
        )

    # gates

    async def _is_green(self, job: Job, plan: MergePlan) -> bool:
        """Run the rig's gates on the merged tree; a red one leads the bead back, unless the base is red too."""
        assert plan.commit
        if not job.rig["gates"]:
            return True
        if not await self._step(job, MergeStatus.TESTING, error=None):
            return False
        result = await self._gates(job, plan.commit, job.merge["id"])
        if result.green:
            return True
        if plan.base and plan.base_tree and await self._base_is_red(job, plan.base, plan.base_tree, result):
            text = f"The gate `{result.failed}` is red on {job.rig['default_branch']} itself. Repair it there."
            await self._step(job, MergeStatus.BASE_RED, error=text, candidate=plan.base_tree)
        else:
            await self._gate_red(job, result)
        return False

    async def _gates(self, job: Job, commit: str, key: str) -> GateResult:
        return await self._container.gates(
            GateSpec(
                rig=job.rig["name"],
                key=f"{key}:{commit}",
                commit=commit,
                gates=tuple(job.rig["gates"]),
                timeout_s=float(job.rig["settings"].get("gate_timeout") or self._engine.settings.gate_timeout_s),
                env=self._dispatch.base_environment(job.rig),
                log_path=str(self._engine.home.rig(job.rig["name"]).gate_log(key)),
                around=self._dispatch.around(job.rig),
            )
        )

    async def _base_is_red(self, job: Job, base: str, tree: str, red: GateResult) -> bool:
        """Whether the same gate fails on the default branch alone; run once for each of its trees."""
        gates = hashlib.sha256(digest_text(job.rig["gates"]).encode()).hexdigest()
        known = await self._engine.read(lambda db: rigs.gate_result(db, job.rig["id"], tree, gates))
        if known is None:
            result = await self._gates(job, base, f"base-{tree[:12]}")

            def remember(tx: Tx) -> None:
                rigs.remember_gate_result(tx.db, job.rig["id"], tree, gates, result.green, result.failed, tx.now)

            await self._engine.command(SYSTEM, job.rig["id"], remember)
            return not result.green and result.failed == red.failed
        return not known["green"] and known["failed"] == red.failed

    async def _base_moved(self, job: Job) -> bool:
        """A red base is looked at again only once it is another tree; otherwise it waits on."""
        head = await self._container.head(job.rig["name"], job.rig["default_branch"])
        if head is None or head[1] != job.merge["candidate"]:
            return True
        await self._step(job, MergeStatus.BASE_RED)
        return False

    # to the remote

    async def _push(self, job: Job, plan: MergePlan) -> None:
        assert plan.commit
        # Stored before the push: after a crash the remote tells whether it arrived.
        if not await self._step(job, MergeStatus.LANDING, candidate=plan.commit, error=None):
            return
        spec = PushSpec(job.rig["name"], job.rig["default_branch"], plan.base, plan.commit)
        result = await self._container.push(spec)
        if result.status == "landed":
            await self._landed(job, plan.commit)
        elif result.status == "moved":
            await self._step(job, MergeStatus.WAITING, candidate=None)
        else:
            await self._step(job, MergeStatus.REMOTE_REFUSED, error=result.words, candidate=None)

    async def _was_pushed(self, job: Job) -> bool:
        """What a lost answer or a crash left open: did the push arrive?"""
        commit = job.merge["candidate"]
        landed = bool(commit) and await self._container.is_landed(job.rig["name"], job.rig["default_branch"], commit)
        if landed:
            await self._landed(job, commit)
        return landed

    async def _push_branch(self, job: Job) -> None:
        if not await self._step(job, MergeStatus.LANDING):
            return
        result = await self._container.push_branch(job.rig["name"], job.merge["branch"])
        if result.status == "landed":
            await self._landed(job, None)
        else:
            await self._step(job, MergeStatus.REMOTE_REFUSED, error=result.words)

    async def _landed(self, job: Job, commit: str | None) -> None:
        """The work is on the remote: close the bead. Its branch may go, but in `branch` mode."""

        def store(tx: Tx) -> None:
            merge = _still(tx, job)
            if merge is None:
                return
            set_merge(tx, job.rig, merge, MergeStatus.MERGED, merge_commit=commit, candidate=None, error=None)
            move_bead(tx, job.rig, job.bead["id"], BeadStatus.CLOSED, last_error=None)
            for other in merges.unfinished(tx.db, job.rig["id"]):
                if other["status"] == MergeStatus.BASE_RED:
                    set_merge(tx, job.rig, other, MergeStatus.WAITING, error=None, candidate=None)

        # First the branch: were the server to die in between, the merge is still there and comes this way again.
        if commit is not None:
            await self._container.retire_branch(job.rig["name"], job.merge["branch"], job.bead["id"])
        await self._engine.command(SYSTEM, job.rig["id"], store)
        log.info("bead.landed", bead=job.bead["id"], commit=commit)

    # back to the agent

    async def _conflict(self, job: Job, plan: MergePlan) -> None:
        text = f"Conflict with {job.rig['default_branch']} in {', '.join(plan.conflicts)}."
        rework = {"kind": "conflict", "files": list(plan.conflicts), "others": list(plan.conflict_commits)}
        await self._send_back(job, Outcome.CONFLICT, text, rework)

    async def _gate_red(self, job: Job, result: GateResult) -> None:
        how = "ran out of time" if result.timed_out else f"failed with status {result.exit_code}"
        rework = {
            "kind": "gate",
            "gate": result.failed,
            "exit_code": result.exit_code,
            "timed_out": result.timed_out,
            "tail": result.tail,
            "log_path": result.log_path,
        }
        await self._send_back(job, Outcome.GATE_RED, f"The gate `{result.failed}` {how}.", rework)

    async def _send_back(self, job: Job, outcome: Outcome, text: str, rework: Row) -> None:
        """A conflict or a red gate is an attempt: the bead goes back to its polecat, or has failed."""

        def store(tx: Tx) -> None:
            merge = _still(tx, job)
            bead = sql.by_id(tx.db, tables.beads, job.bead["id"])
            if merge is None or bead is None:
                return
            set_merge(tx, job.rig, merge, MergeStatus.FAILED, error=text, candidate=None)
            rules = rules_of(job.rig, self._engine.settings)
            used, step, not_before = spend(bead["attempts"], bead["delay_step"], True, rules, tx.now)
            beads.add_attempt(
                tx.db,
                bead["id"],
                id=tx.new_id(),
                run_id=merge["run_id"],
                outcome=outcome,
                costs=True,
                started_at=merge["created_at"],
                ended_at=tx.now,
                exit_status=rework.get("exit_code"),
                error=text,
            )
            status = BeadStatus.FAILED if used >= LIMIT else BeadStatus.OPEN
            due = None if status == BeadStatus.FAILED else not_before
            move_bead(
                tx,
                job.rig,
                bead["id"],
                status,
                attempts=used,
                delay_step=step,
                not_before=due,
                last_error=text,
                rework=rework,
            )

        await self._engine.command(SYSTEM, job.rig["id"], store)

    async def _step(self, job: Job, status: MergeStatus, **values: object) -> bool:
        """Store how far the merge is; False if a person took it out of the queue meanwhile."""

        def store(tx: Tx) -> bool:
            merge = _still(tx, job)
            if merge is None:
                return False
            if merge["status"] == status and not values:
                sql.change(tx.db, tables.merges, merge["id"], updated_at=tx.now)
            else:
                set_merge(tx, job.rig, merge, status, **values)
            return True

        return await self._engine.command(SYSTEM, job.rig["id"], store)

    async def _say(self, job: Job, words: str) -> None:
        """Why the merge stands still for now; written only when it is news."""

        def store(tx: Tx) -> None:
            merge = _still(tx, job)
            if merge is not None and merge["error"] != words:
                set_merge(tx, job.rig, merge, MergeStatus(merge["status"]), error=words)

        await self._engine.command(SYSTEM, job.rig["id"], store)


def _still(tx: Tx, job: Job) -> Row | None:
    """The merge, if it is still ours to move."""
    merge = sql.by_id(tx.db, tables.merges, job.merge["id"])
    return merge if merge is not None and merge["status"] in CLAIMABLE else None


def _job(db: Connection, merge_id: str) -> Job | None:
    merge = sql.by_id(db, tables.merges, merge_id)
    if merge is None or merge["status"] not in CLAIMABLE:
        return None
    bead = sql.by_id(db, tables.beads, merge["bead_id"])
    rig = sql.by_id(db, tables.rigs, merge["rig_id"])
    if bead is None or rig is None or bead["status"] != BeadStatus.IN_REVIEW:
        return None
    polecat = runs.polecat_of_bead(db, bead["id"], released=True)
    run = sql.by_id(db, tables.runs, merge["run_id"]) if merge["run_id"] else None
    return Job(merge, bead, rig, polecat["name"] if polecat else "Polecat", run["summary"] if run else None)
