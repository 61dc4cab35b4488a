"""What people ask of the town: one method a procedure of CONTRACT section 5. Answers are ready for JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from boomtown.container.client import ContainerClient
from boomtown.container.protocol import CloneSpec
from boomtown.domain.beads import BeadStatus
from boomtown.domain.errors import BadInputError, BoomtownError, ConflictError, UnsupportedError
from boomtown.domain.runs import StopReason
from boomtown.rig import beadwork, changes, finding, objects, reading, rigwork, slinging
from boomtown.rig.dispatch import Dispatch
from boomtown.rig.engine import Engine
from boomtown.rig.objects import Object, Views
from boomtown.rig.shells import Shells
from boomtown.rig.slinging import Task
from boomtown.rig.transaction import Tx
from boomtown.store import beads, events, merges, rigs, runs, sql, tables
from boomtown.store.sql import Row

MOST_ITEMS = 500
DEFAULT_MAX_POLECATS = 5


class Town:
    """The service behind command line, dashboard and scripts. Raises only `BoomtownError`s."""

    def __init__(
        self, engine: Engine, container: ContainerClient, dispatch: Dispatch, shutdown: Callable[[bool, bool], None]
    ) -> None:
        self._engine, self._container, self._dispatch = engine, container, dispatch
        self._shutdown = shutdown
        self._shells = Shells(engine, container, dispatch)
        self.streams = reading.Streams(engine)

    def _views(self, db: Connection, now: float | None = None) -> Views:
        at = self._engine.clock.now() if now is None else now
        return Views(db, self._engine.settings, self._engine.observed, at)

    # towns

    async def list_towns(self, actor: str) -> list[Object]:  # noqa: ARG002
        return [objects.town(row) for row in await self._engine.read(rigs.all_towns)]

    async def get_town(self, actor: str, town_id: str) -> Object:  # noqa: ARG002
        def read(db: Connection) -> Object:
            town = finding.town(db, town_id)
            views = self._views(db)
            return {**objects.town(town), "rigs": [views.rig(row) for row in rigs.all_rigs(db, town["id"])]}

        return await self._engine.read(read)

    async def create_town(self, actor: str, name: str) -> Object:
        name = rigwork.check_name(name)

        def work(tx: Tx) -> Object:
            if any(row["name"].lower() == name.lower() for row in rigs.all_towns(tx.db)):
                raise ConflictError(f"There is a town “{name}” already. Choose another name.", code="EXISTS")
            row = {"id": tx.new_id(), "name": name, "created_at": tx.now}
            sql.add(tx.db, tables.towns, **row)
            tx.emit("town.created", name=name)
            return objects.town(row)

        return await self._engine.command(actor, None, work)

    async def delete_town(self, actor: str, town_id: str) -> Object:
        def work(tx: Tx) -> Object:
            town = finding.town(tx.db, town_id)
            if rigs.all_rigs(tx.db, town["id"]):
                raise ConflictError(f"The town “{town['name']}” has rigs. Remove them first: boomtown rig remove.")
            if len(rigs.all_towns(tx.db)) == 1:
                raise ConflictError("The last town stays. Add another before you remove this one.")
            tx.db.execute(tables.towns.delete().where(tables.towns.c.id == town["id"]))
            tx.emit("town.removed", name=town["name"])
            return {}

        return await self._engine.command(actor, None, work)

    # rigs

    async def list_rigs(self, actor: str, town_id: str | None = None) -> list[Object]:  # noqa: ARG002
        def read(db: Connection) -> list[Object]:
            town = finding.town(db, town_id)["id"] if town_id else None
            views = self._views(db)
            return [views.rig(row) for row in rigs.all_rigs(db, town)]

        return await self._engine.read(read)

    async def get_rig(self, actor: str, rig_id: str) -> Object:  # noqa: ARG002
        def read(db: Connection) -> Object:
            rig, views = finding.rig(db, rig_id), self._views(db)
            at_work = beads.of_rig(db, rig["id"], status=BeadStatus.IN_PROGRESS)
            return {
                **views.rig(rig),
                "agents": views.agents(runs.registered(db, rig["id"])),
                "beads": views.beads(at_work),
            }

        return await self._engine.read(read)

    async def create_rig(
        self,
        actor: str,
        name: str,
        git_url: str,
        town_id: str | None = None,
        default_branch: str | None = None,
        max_polecats: int | None = None,
        agent: str | None = None,
        gates: Sequence[str] | None = None,
        merge: str | None = None,
    ) -> Object:
        """Returns the rig and `notes`, once the clone is there; a failed one leaves nothing."""
        name, url = rigwork.check_name(name), rigwork.check_url(git_url)
        wished = {"max_polecats": max_polecats, "agent": agent, "gates": list(gates or []), "merge": merge}
        defaults = {"max_polecats": DEFAULT_MAX_POLECATS, "merge": "review", "landing": "squash", "gates": []}
        given = {key: value for key, value in wished.items() if value is not None}
        checked = rigwork.check_settings(defaults | given, self._engine.settings)

        def refuse(db: Connection) -> str:
            rigwork.refuse_taken(name, rigs.rig_named(db, name))
            return finding.town(db, town_id)["id"]

        town = await self._engine.read(refuse)
        if not self._engine.observed.begin(f"clone {name.lower()}"):
            raise ConflictError(f"A rig “{name}” is being added at this moment. Wait for it.")
        try:
            clone = await self._container.clone(CloneSpec(name, url, default_branch))

            def work(tx: Tx) -> str:
                rigwork.refuse_taken(name, rigs.rig_named(tx.db, name))
                rig_id = tx.new_id()
                row = {
                    "id": rig_id,
                    "town_id": town,
                    "name": name,
                    "name_key": name.lower(),
                    "git_url": rigwork.without_credentials(url),
                    "default_branch": clone.default_branch,
                    "paused": False,
                    "last_run_number": 0,
                    "created_at": tx.now,
                    "agent": None,
                    **rigwork.split(checked, None),
                }
                sql.add(tx.db, tables.rigs, **row)
                tx.emit("rig.added", rig=row, name=name, git_url=row["git_url"])
                return rig_id

            def answer(tx: Tx, rig_id: str) -> Object:
                return {**self._views(tx.db, tx.now).rig(finding.rig(tx.db, rig_id)), "notes": list(clone.notes)}

            try:
                return await self._engine.command(actor, None, work, answer)
            except BoomtownError:
                await self._container.remove_rig(name)
                raise
        finally:
            self._engine.observed.finish(f"clone {name.lower()}")

    async def update_rig(self, actor: str, rig_id: str, settings: dict[str, Any]) -> Object:
        checked = rigwork.check_settings(settings, self._engine.settings)

        def work(tx: Tx) -> str:
            rig = finding.rig(tx.db, rig_id)
            sql.change(tx.db, tables.rigs, rig["id"], **rigwork.split(checked, rig))
            rigs.forget_gate_results(tx.db, rig["id"])
            beadwork.land_by_itself(tx, finding.rig(tx.db, rig["id"]))
            tx.emit("rig.changed", rig=rig, settings=sorted(checked))
            tx.freed = True
            return rig["id"]

        return await self._engine.command(actor, await self._rig_id(rig_id), work, self._rig_answer)

    async def delete_rig(self, actor: str, rig_id: str, discard: bool = False) -> Object:
        """Refused with unfinished beads or unmerged branches, unless they shall be discarded."""
        rig = await self._engine.read(lambda db: finding.rig(db, rig_id))

        def refuse(db: Connection) -> None:
            if runs.live_count(db, rig["id"]):
                raise ConflictError(f"Agents run in {rig['name']}. `boomtown pause {rig['name']} --stop` ends them.")
            unfinished = rigs.count_unfinished(db, rig["id"])
            if unfinished and not discard:
                raise ConflictError(f"{rig['name']} has {unfinished} unfinished beads. --discard gives them up.")

        await self._engine.read(refuse)
        if not discard:
            left = await self._container.unmerged_branches(rig["name"], rig["default_branch"])
            if left:
                raise ConflictError(
                    f"{rig['name']} has branches that are not merged: {', '.join(left[:10])}. --discard gives them up."
                )

        def work(tx: Tx) -> Object:
            refuse(tx.db)
            tx.emit("rig.removed", rig=rig, name=rig["name"])
            rigs.remove_rig(tx.db, rig["id"])
            return {}

        result = await self._engine.command(actor, None, work)
        await self._container.remove_rig(rig["name"])
        return result

    async def check_rig(self, actor: str, rig_id: str) -> Object:  # noqa: ARG002
        """Run the gates on the default branch."""
        rig = await self._engine.read(lambda db: finding.rig(db, rig_id))
        return await reading.check_gates(self._engine, self._container, self._dispatch, rig)

    async def pull_rig(self, actor: str, rig_id: str) -> Object:  # noqa: ARG002
        rig = await self._engine.read(lambda db: finding.rig(db, rig_id))
        return {"message": await self._container.pull(rig["name"], rig["default_branch"])}

    async def _rig_id(self, ref: str) -> str:
        return await self._engine.read(lambda db: finding.rig(db, ref)["id"])

    def _rig_answer(self, tx: Tx, rig_id: str) -> Object:
        return self._views(tx.db, tx.now).rig(finding.rig(tx.db, rig_id))

    # beads

    async def sling(
        self,
        actor: str,
        rig_id: str,
        title: str | None = None,
        body: str | None = None,
        model: str | None = None,
        agent: str | None = None,
        priority: str | None = None,
        timeout_s: float | None = None,
        hold: bool = False,
        depends_on: Sequence[int | str] | None = None,
        tasks: Sequence[dict[str, Any]] | None = None,
        idempotency_key: str | None = None,
    ) -> Object:
        """One bead (`{bead, agent}`), or many (`{results}`), all or none."""
        single = tasks is None
        one = {
            "title": title,
            "body": body,
            "model": model,
            "agent": agent,
            "priority": priority,
            "timeout_s": timeout_s,
            "hold": hold,
            "depends_on": depends_on,
        }
        wanted = [_task(one)] if tasks is None else [_task({"hold": hold, **task}) for task in tasks]
        rig_id = await self._rig_id(rig_id)

        def work(tx: Tx) -> tuple[list[str], Object | None]:
            rig = finding.rig(tx.db, rig_id)
            return slinging.sling(tx, rig, wanted, self._engine.settings, idempotency_key)

        def answer(tx: Tx, slung: tuple[list[str], Object | None]) -> Object:
            ids, known = slung
            if known is not None:
                return known
            made = self._results(tx, ids)
            if idempotency_key is not None:
                slinging.remember(tx, finding.rig(tx.db, rig_id), idempotency_key, made)
            return made

        made = await self._engine.command(actor, rig_id, work, answer)
        if single:
            return {"bead": made["results"][0]["bead"], "agent": made["results"][0]["agent"]}
        return made

    def _results(self, tx: Tx, ids: list[str]) -> Object:
        views = self._views(tx.db, tx.now)
        rows = [sql.by_id(tx.db, tables.beads, bead_id) for bead_id in ids]
        made = views.beads([row for row in rows if row is not None])
        mine = set(ids)
        workers = runs.registered(tx.db, made[0]["rig_id"])
        agents = views.agents([row for row in workers if row["bead_id"] in mine])
        return {"results": slinging.results(made, {agent["bead_id"]: agent for agent in agents})}

    async def list_beads(
        self,
        actor: str,  # noqa: ARG002
        rig_id: str,
        status: str | None = None,
        type: str | None = None,  # noqa: A002
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Object:
        """`{items, nextCursor}`, in the order given; without `limit` at most 500 a page."""
        size = max(1, min(limit or MOST_ITEMS, MOST_ITEMS))
        try:
            after = int(cursor or 0)
        except ValueError:
            raise BadInputError(
                f"cursor is {cursor!r}; use the nextCursor of the page before.", field="cursor"
            ) from None

        def read(db: Connection) -> Object:
            rig = finding.rig(db, rig_id)
            rows = beads.of_rig(db, rig["id"], status=status, bead_type=type, after_seq=after, limit=size + 1)
            more = str(rows[size - 1]["seq"]) if len(rows) > size else None
            return {"items": self._views(db).beads(rows[:size]), "nextCursor": more}

        return await self._engine.read(read)

    async def get_bead(self, actor: str, bead_id: str) -> Object:  # noqa: ARG002
        def read(db: Connection) -> Object:
            bead = finding.bead(db, bead_id)
            merge = merges.last_of_bead(db, bead["id"])
            return {**self._views(db).bead(bead["id"]), "merge": objects.merge(merge) if merge else None}

        return await self._engine.read(read)

    async def update_bead(self, actor: str, bead_id: str, **values: Any) -> Object:
        settings = self._engine.settings
        return await self._bead_command(actor, bead_id, lambda tx, bead: beadwork.edit(tx, bead, settings, values))

    async def start_bead(self, actor: str, bead_id: str) -> Object:
        return await self._bead_command(actor, bead_id, beadwork.start)

    async def cancel_bead(self, actor: str, bead_id: str) -> Object:
        return await self._bead_command(actor, bead_id, beadwork.cancel)

    async def retry_bead(self, actor: str, bead_id: str) -> Object:
        return await self._bead_command(actor, bead_id, beadwork.retry)

    async def close_bead(self, actor: str, bead_id: str) -> Object:
        return await self._bead_command(actor, bead_id, beadwork.close)

    async def approve_bead(self, actor: str, bead_id: str) -> Object:
        return await self._bead_command(actor, bead_id, beadwork.approve)

    async def rework_bead(self, actor: str, bead_id: str, comment: str) -> Object:
        return await self._bead_command(actor, bead_id, lambda tx, bead: beadwork.rework(tx, bead, comment))

    async def discard_bead(self, actor: str, bead_id: str) -> Object:
        """Give up a bead and its branch; the branch's tip stays in the clone."""

        def work(tx: Tx, bead: Row) -> None:
            if bead["status"] == BeadStatus.CLOSED:
                raise ConflictError(f"The bead “{bead['title']}” has landed; there is nothing to discard.")
            if bead["status"] not in (BeadStatus.CANCELLED, BeadStatus.FAILED):
                beadwork.cancel(tx, bead)
            elif bead["branch"] is None:
                raise ConflictError(f"The bead “{bead['title']}” has no branch to discard.")

        result = await self._bead_command(actor, bead_id, work)
        bead = await self._engine.read(lambda db: finding.bead(db, result["id"]))
        busy = await self._engine.read(lambda db: runs.undisposed_of_bead(db, bead["id"]))
        if bead["branch"] and busy is None:
            rig = await self._engine.read(lambda db: finding.rig(db, bead["rig_id"]))
            await self._container.retire_branch(rig["name"], bead["branch"], bead["id"])
        return result

    async def _bead_command(self, actor: str, ref: str, work: Callable[[Tx, Row], None]) -> Object:
        """One change of one bead; returns the bead as it stands after all that follows."""
        found = await self._engine.read(lambda db: finding.bead(db, ref))

        def run(tx: Tx) -> str:
            work(tx, finding.bead(tx.db, found["id"]))
            return found["id"]

        return await self._engine.command(
            actor, found["rig_id"], run, lambda tx, bead_id: self._views(tx.db, tx.now).bead(bead_id)
        )

    # agents

    async def list_agents(self, actor: str, rig_id: str | None = None) -> list[Object]:  # noqa: ARG002
        def read(db: Connection) -> list[Object]:
            rig = finding.rig(db, rig_id)["id"] if rig_id else None
            return self._views(db).agents(runs.registered(db, rig))

        return await self._engine.read(read)

    async def get_agent(self, actor: str, agent_id: str) -> Object:  # noqa: ARG002
        return await self._engine.read(lambda db: self._views(db).agents([finding.polecat(db, agent_id)])[0])

    async def stop_agent(self, actor: str, agent_id: str) -> Object:
        polecat = await self._engine.read(lambda db: finding.polecat(db, agent_id))

        def work(tx: Tx) -> str:
            beadwork.stop(tx, finding.polecat(tx.db, polecat["id"]))
            return polecat["id"]

        return await self._engine.command(
            actor, polecat["rig_id"], work, lambda tx, found: self._views(tx.db, tx.now).agent(found)
        )

    async def send_message(self, actor: str, **_said: Any) -> Object:  # noqa: ARG002
        raise UnsupportedError("Messages to a running agent come in a later version. `boomtown rework` tells it after.")

    async def get_workspace(self, actor: str, agent_id: str) -> Object:  # noqa: ARG002
        """Where a polecat works. Raises `ConflictError` while it has no worktree."""

        def read(db: Connection) -> Object:
            polecat = finding.polecat(db, agent_id)
            run = runs.undisposed_of_bead(db, polecat["bead_id"])
            if run is None:
                raise ConflictError(
                    f"{polecat['name']} has no worktree now: only a live run has one. "
                    f"`boomtown shell {polecat['name']}` makes one for you."
                )
            return {"path": run["worktree"], "live": run["ended_at"] is None, "env": {}}

        return await self._engine.read(read)

    async def open_shell(self, actor: str, agent_id: str) -> Object:
        return await self._shells.open(actor, agent_id)

    async def close_shell(self, actor: str, session: str) -> Object:
        return await self._shells.close(actor, session)

    # landing

    async def get_merge_queue(self, actor: str, rig_id: str) -> list[Object]:  # noqa: ARG002
        def read(db: Connection) -> list[Object]:
            return [objects.merge(row) for row in merges.of_rig(db, finding.rig(db, rig_id)["id"], 50)]

        return await self._engine.read(read)

    async def retry_merge(self, actor: str, merge_id: str) -> Object:
        found = await self._engine.read(lambda db: finding.merge(db, merge_id))

        def work(tx: Tx) -> str:
            beadwork.retry_merge(tx, finding.merge(tx.db, found["id"]))
            return found["id"]

        return await self._engine.command(
            actor, found["rig_id"], work, lambda tx, known: objects.merge(finding.merge(tx.db, known))
        )

    async def get_diff(self, actor: str, bead_id: str) -> Object:  # noqa: ARG002
        """Against the merge base, with uncommitted work while it is live."""

        def read(db: Connection) -> tuple[Row, Row, Row | None]:
            bead = finding.bead(db, bead_id)
            return bead, finding.rig(db, bead["rig_id"]), runs.undisposed_of_bead(db, bead["id"])

        bead, rig, run = await self._engine.read(read)
        if bead["branch"] is None:
            raise ConflictError(f"The bead “{bead['title']}” has no branch yet; it is {bead['status']}.")
        folder = Path(run["worktree"]).name if run else None
        diff = await self._container.diff(rig["name"], bead["branch"], rig["default_branch"], folder)
        return {"text": diff.text, "stat": diff.stat, "base": diff.base, "tip": diff.tip}

    # the whole

    async def get_status(self, actor: str) -> Object:  # noqa: ARG002
        return await reading.status(self._engine, self._container, self._dispatch)

    async def get_inbox(self, actor: str) -> list[Object]:  # noqa: ARG002
        return await self._engine.read(lambda db: reading.inbox(db, self._engine))

    async def get_bead_events(
        self,
        actor: str,  # noqa: ARG002
        rig_id: str | None = None,
        bead_id: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        wait_s: float | None = None,
    ) -> Object:
        return await reading.events(self._engine, rig_id, bead_id, since, limit, wait_s)

    async def get_stream(
        self,
        actor: str,  # noqa: ARG002
        run_id: str | None = None,
        agent_id: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        wait_s: float | None = None,
    ) -> Object:
        ref = run_id or agent_id
        if ref is None:
            raise BadInputError("Give a runId or an agentId.", field="runId")
        return await self.streams.read(ref, since or 0, limit, wait_s or 0.0)

    async def pause(self, actor: str, rig_id: str | None = None, stop: bool = False) -> Object:
        """Dispatch nothing more, in one rig or the whole home; `stop` also ends what runs."""
        return await self._set_paused(actor, rig_id, True, stop)

    async def resume(self, actor: str, rig_id: str | None = None) -> Object:
        """Dispatch again; for the whole home this also re-arms the breaker."""
        return await self._set_paused(actor, rig_id, False, False)

    async def _set_paused(self, actor: str, ref: str | None, paused: bool, stop: bool) -> Object:
        found = await self._rig_id(ref) if ref else None

        def work(tx: Tx) -> Object:
            rig = finding.rig(tx.db, found) if found else None
            if rig is not None:
                sql.change(tx.db, tables.rigs, rig["id"], paused=paused)
            else:
                rigs.change_home(tx.db, paused=paused)
            if not paused:
                rigs.change_home(tx.db, breaker_cleared_at=tx.now)
            for run in runs.live(tx.db) if stop else ():
                if found in (None, run["rig_id"]) and run["stop_reason"] is None:
                    of_run = finding.rig(tx.db, run["rig_id"])
                    changes.ask_to_stop(tx, of_run, run["id"], run["bead_id"], run["polecat_id"], StopReason.DOWN)
            tx.emit("rig.paused" if paused else "rig.resumed", rig=rig, whole_home=rig is None)
            tx.freed = True
            return {"paused": paused}

        return await self._engine.command(actor, found, work)

    async def shutdown(self, actor: str, now: bool = False, keep_container: bool = False) -> Object:  # noqa: ARG002
        """The server ends after answering. Unless the container is kept, agents are stopped and their work is kept."""
        self._shutdown(now, keep_container)
        return {}

    # live

    async def events_after(self, town_id: str | None, rig_id: str | None, since: int, limit: int) -> list[Object]:
        def read(db: Connection) -> list[Object]:
            rig = finding.rig(db, rig_id)["id"] if rig_id else None
            town = finding.town(db, town_id)["id"] if town_id else None
            return [objects.event(row) for row in events.after(db, since, limit, town_id=town, rig_id=rig)]

        return await self._engine.read(read)

    async def wait_events(self, seq: int, timeout_s: float) -> bool:
        """Return once there may be events past `seq`."""
        return await self._engine.wait_for_news(seq, timeout_s)

    async def live_runs(self, rig_id: str | None = None, agent_ids: Sequence[str] | None = None) -> list[Object]:
        """`run_id`, `agent_id` and `rig_id` of what runs now."""

        def read(db: Connection) -> list[Object]:
            rig = finding.rig(db, rig_id)["id"] if rig_id else None
            wanted = {finding.polecat(db, ref)["id"] for ref in agent_ids} if agent_ids else None
            return [
                {"run_id": run["id"], "agent_id": run["polecat_id"], "rig_id": run["rig_id"]}
                for run in runs.live(db)
                if rig in (None, run["rig_id"]) and (wanted is None or run["polecat_id"] in wanted)
            ]

        return await self._engine.read(read)


def _task(values: dict[str, Any]) -> Task:
    """A task of what was given; what is missing or None takes its default."""
    given = {key: value for key, value in values.items() if value is not None}
    return Task(
        title=given.get("title", ""),
        body=given.get("body", ""),
        priority=given.get("priority", "medium"),
        agent=given.get("agent"),
        model=given.get("model"),
        timeout_s=given.get("timeout_s"),
        hold=bool(given.get("hold")),
        depends_on=tuple(given.get("depends_on") or ()),
    )
