"""Towns and rigs: add, show, set, check, pull, remove."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from boomtown.container.protocol import CloneSpec
from boomtown.domain.beads import BeadStatus
from boomtown.domain.errors import BadInputError, BoomtownError, ConflictError
from boomtown.rig import beadwork, finding, objects, reading, rigwork
from boomtown.rig.objects import Object
from boomtown.rig.people.service import Service
from boomtown.rig.transaction import Tx
from boomtown.store import beads, rigs, runs, sql, tables

DEFAULT_MAX_POLECATS = 5


class RigService(Service):
    """What people do with towns and rigs."""

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
            clone = await self._container.clone(CloneSpec(name, url, default_branch, checked["max_polecats"]))

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

    async def update_rig(self, actor: str, rig_id: str, settings: dict[str, Any] | None = None, **named: Any) -> Object:
        """`named`: settings, too. What is not given stays as it is."""
        if not (wanted := {**(settings or {}), **named}):
            raise BadInputError("settings is missing: give at least one setting of the rig.", field="settings")
        checked = rigwork.check_settings(wanted, self._engine.settings)

        def work(tx: Tx) -> str:
            rig = finding.rig(tx.db, rig_id)
            cured = {"paused": False, "pause_why": None} if rig["pause_why"] and rigwork.SETUP & set(checked) else {}
            sql.change(tx.db, tables.rigs, rig["id"], **rigwork.split(checked, rig), **cured)
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

    async def check_rig(self, actor: str, rig_id: str) -> Object:
        """Run the gates on the default branch."""
        rig = await self._engine.read(lambda db: finding.rig(db, rig_id))
        found = await reading.check_gates(self._engine, self._container, self._dispatch, rig)
        await self._engine.command(actor, rig["id"], lambda tx: tx.emit("rig.checked", rig=rig, green=found["green"]))
        return found

    async def pull_rig(self, actor: str, rig_id: str) -> Object:
        rig = await self._engine.read(lambda db: finding.rig(db, rig_id))
        message = await self._container.pull(rig["name"], rig["default_branch"])
        await self._engine.command(actor, rig["id"], lambda tx: tx.emit("rig.pulled", rig=rig))
        return {"message": message}
