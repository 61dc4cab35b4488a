"""Copies of the database, made and named for people."""

from __future__ import annotations

from boomtown.home.times import iso
from boomtown.rig.objects import Object
from boomtown.rig.people.service import Service
from boomtown.store import backups
from boomtown.store.backups import Backup


class BackupService(Service):
    """What admins do with backups while the server runs. To go back to one, the server has to be down."""

    async def create_backup(self, actor: str) -> Object:
        """Returns the backup once it is on the disk and was found sound."""
        home, now = self._engine.home, self._engine.clock.now()
        made = await self._engine.scheduler.read(lambda: backups.take(home.database, home.backups, now, "manual"))
        await self._engine.command(actor, None, lambda tx: tx.emit("backup.made", name=made.name))
        return described(made)

    async def list_backups(self, actor: str) -> list[Object]:  # noqa: ARG002
        """Newest first."""
        folder = self._engine.home.backups
        return await self._engine.scheduler.read(lambda: [described(one) for one in backups.listing(folder)])


def described(backup: Backup) -> Object:
    """As people and programs see it."""
    return {
        "name": backup.name,
        "path": str(backup.path),
        "why": backup.why,
        "bytes": backup.path.stat().st_size,
        "created_at": iso(backup.at),
    }
