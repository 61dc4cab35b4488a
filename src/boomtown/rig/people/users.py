"""People with tokens of their own: add, list, remove; and whose token it is."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from boomtown.domain.errors import BadInputError, ConflictError, NotFoundError
from boomtown.domain.users import Role
from boomtown.home.person import login_name
from boomtown.home.times import iso
from boomtown.rig.objects import Object
from boomtown.rig.people.service import Service
from boomtown.rig.rigwork import NAME
from boomtown.rig.transaction import Tx
from boomtown.store import sql, tables, users
from boomtown.store.sql import Row

PREFIX = "bt_"
"""What every user's token begins with, so that one that leaks is recognised."""


class UserService(Service):
    """What admins do with users. The person whose home it is is none of them: theirs is the home's own token."""

    async def list_users(self, actor: str) -> list[Object]:  # noqa: ARG002
        return [_user(row) for row in await self._engine.read(users.everybody)]

    async def add_user(self, actor: str, name: str, role: str) -> Object:
        """Returns the user and the `token`, which is nowhere to be had again."""
        name = _check_name(name)
        token = PREFIX + secrets.token_urlsafe(32)

        def work(tx: Tx) -> Object:
            if users.named(tx.db, name) is not None:
                raise ConflictError(
                    f"There is a user “{name}” already. `boomtown user remove {name}` ends their token.", code="EXISTS"
                )
            row = {
                "id": tx.new_id(),
                "name": name,
                "name_key": name.lower(),
                "role": str(Role(role)),
                "token_digest": _digest(token),
                "created_by": actor,
                "created_at": tx.now,
            }
            sql.add(tx.db, tables.users, **row)
            tx.emit("user.added", name=name, role=row["role"])
            return _user(row)

        return {**await self._engine.command(actor, None, work), "token": token}

    async def remove_user(self, actor: str, name: str) -> Object:
        """Their token and their sessions end with this call."""

        def work(tx: Tx) -> Object:
            row = users.named(tx.db, name)
            if row is None:
                known = ", ".join(other["name"] for other in users.everybody(tx.db)) or "none"
                raise NotFoundError(f"There is no user “{name}”. Users: {known}.")
            users.remove(tx.db, row["id"])
            tx.emit("user.removed", name=row["name"], role=row["role"])
            return {}

        return await self._engine.command(actor, None, work)

    async def user_with_token(self, token: str) -> Object | None:
        """Whose token it is; None for what is no user's."""
        if not token.startswith(PREFIX):
            return None
        digest = _digest(token)
        row = await self._engine.read(lambda db: users.with_token(db, digest))
        return _user(row) if row else None

    async def user_with_id(self, user_id: str) -> Object | None:
        row = await self._engine.read(lambda db: sql.by_id(db, tables.users, user_id))
        return _user(row) if row else None

    async def note(self, actor: str, kind: str, **data: Any) -> None:
        """Write into the ledger what changes nothing else."""
        await self._engine.command(actor, None, lambda tx: tx.emit(kind, **data))


def _check_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise BadInputError(
            f"{name[:80]!r} can't be a user's name. Use 1 to 64 of A-Z a-z 0-9 . _ -, first a letter or digit.",
            field="name",
        )
    if name.lower() == login_name().lower():
        raise BadInputError(
            f"“{name}” is whose home this is; the ledger could not tell the two apart. Choose another name.",
            field="name",
        )
    return name


def _digest(token: str) -> str:
    """Tokens have 256 random bits: a plain digest can't be guessed back."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _user(row: Row) -> Object:
    return {
        "id": row["id"],
        "name": row["name"],
        "role": row["role"],
        "created_by": row["created_by"],
        "created_at": iso(row["created_at"]),
    }
