"""Who may call: people by a token or a session, over hosts and from origins that are this machine's."""

from __future__ import annotations

import hmac
import ipaddress
import math
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import cookie_parser

from boomtown.api.sessions import Sessions
from boomtown.domain.errors import ForbiddenError, TooManyError, UnauthorizedError
from boomtown.domain.seams import Clock
from boomtown.domain.users import Role
from boomtown.home.paths import Home
from boomtown.home.person import login_name
from boomtown.rig.tokens import secret_file

Scope = MutableMapping[str, Any]


def header(scope: Scope, name: str) -> str | None:
    """The first value of a header, `name` in lower case."""
    wanted = name.encode("latin-1")
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == wanted), None)


def bearer(scope: Scope) -> str | None:
    """The token of `Authorization: Bearer …`."""
    scheme, _, token = (header(scope, "authorization") or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


@dataclass(frozen=True)
class Person:
    """Somebody who calls. `id` is what their sessions name."""

    id: str
    name: str
    role: Role


class Users(Protocol):
    """Who has a token of their own: `{id, name, role}`, or None."""

    async def user_with_token(self, token: str) -> dict[str, Any] | None: ...

    async def user_with_id(self, user_id: str) -> dict[str, Any] | None: ...


class People:
    """The people of a home: its owner, who can read `home.token`, and the users that were added."""

    def __init__(self, home: Home, clock: Clock, users: Users) -> None:
        self._token = secret_file(home.token).encode()
        home.token.chmod(0o600)
        self.owner = Person("owner", login_name(), Role.ADMIN)
        self._users = users
        self.sessions = Sessions(self._token, clock)

    async def person(self, scope: Scope) -> Person:
        """Whose request it is.

        Raises `UnauthorizedError`, `TooManyError` for one of many wrong tokens, or `ForbiddenError` for a foreign page.
        """
        token = bearer(scope)
        person = await self.with_token(token) if token else await self._in_session(scope)
        if person is None:
            raise UnauthorizedError(
                "A token is missing. Send `Authorization: Bearer …`; the owner's is in the home's file `token`."
            )
        return person

    async def with_token(self, token: str) -> Person:
        """Whose token it is. Wrong ones are counted; right ones never have to wait.

        Raises `UnauthorizedError`, or `TooManyError` where there were many wrong ones just now.
        """
        if hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._token):
            return self.owner
        if (user := await self._users.user_with_token(token)) is not None:
            return _person(user)
        wait_s = math.ceil(self.sessions.wait_s())
        self.sessions.was_wrong()
        if wait_s:
            raise TooManyError(f"Too many wrong tokens. Try again in {wait_s} seconds.", data={"retry_after_s": wait_s})
        raise UnauthorizedError("This token is not this home's. The owner's is in the home's file `token`.")

    async def _in_session(self, scope: Scope) -> Person | None:
        cookie = cookie_parser(header(scope, "cookie") or "").get(self.sessions.cookie, "")
        who = self.sessions.holder(cookie)
        if who is None:
            return None
        # a cookie goes along with requests that pages of other ports make; those are not the person's wish
        if header(scope, "sec-fetch-site") not in (None, "same-origin", "none"):
            raise ForbiddenError("Pages of another origin may not use this session.")
        if who == self.owner.id:
            return self.owner
        user = await self._users.user_with_id(who)
        return _person(user) if user else None


def _person(user: dict[str, Any]) -> Person:
    return Person(user["id"], user["name"], Role(user["role"]))


def check_source(scope: Scope, *, allow_remote: bool) -> None:
    """Refuse what a foreign page could send: a host name that is not this machine's, or another site as the origin.

    Any port on localhost passes, for tunnels. With `allow_remote` any host does, and an origin that is the host asked.
    Raises `ForbiddenError`.
    """
    host = header(scope, "host") or ""
    if not allow_remote and not is_local(host):
        raise ForbiddenError(
            f"The host “{host[:100]}” is not served here. Use localhost, or start with --allow-remote."
        )
    origin = header(scope, "origin")
    if origin is None:
        return
    scheme, _, asking = origin.partition("://")
    if scheme in ("http", "https") and (is_local(asking) or (allow_remote and asking.lower() == host.lower())):
        return
    raise ForbiddenError(f"Pages of the origin “{origin[:100]}” may not call this server.")


def is_local(authority: str) -> bool:
    """Whether `host`, `host:port` or `[address]:port` is this machine's loopback."""
    name, port = _split(authority)
    if port is not None and not port.isdecimal():
        return False
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _split(authority: str) -> tuple[str, str | None]:
    if authority.startswith("["):
        name, _, rest = authority[1:].partition("]")
        return name, rest[1:] if rest.startswith(":") else (None if not rest else "?")
    name, colon, port = authority.partition(":")
    return name, port if colon else None
