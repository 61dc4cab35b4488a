"""Who may call: people by the home's token, over hosts and from origins that are this machine's."""

from __future__ import annotations

import hmac
import ipaddress
import os
import pwd
from collections.abc import MutableMapping
from typing import Any

from starlette.requests import cookie_parser

from boomtown.api.sessions import Sessions
from boomtown.domain.errors import ForbiddenError, UnauthorizedError
from boomtown.domain.seams import Clock
from boomtown.home.paths import Home
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


class People:
    """The people of a home. Today that is one: whoever has read `home.token`, or has a session that began with it."""

    def __init__(self, home: Home, clock: Clock) -> None:
        self._token = secret_file(home.token).encode()
        home.token.chmod(0o600)
        self._actor = f"user:{_user_name()}"
        self.sessions = Sessions(self._token, clock)

    def actor(self, scope: Scope) -> str:
        """Whose request it is, as "user:<name>". Raises `UnauthorizedError`, or `ForbiddenError` for a foreign page."""
        token = bearer(scope)
        if token is None and self._in_session(scope):
            return self._actor
        if token is None:
            raise UnauthorizedError(
                "A token is missing. Send `Authorization: Bearer …`; it is in the home's file `token`."
            )
        if not self.has_token(token):
            raise UnauthorizedError("This token is not this home's. The right one is in the home's file `token`.")
        return self._actor

    def has_token(self, token: str) -> bool:
        """Whether this is the home's token; takes the same time whatever it is."""
        return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._token)

    def _in_session(self, scope: Scope) -> bool:
        cookie = cookie_parser(header(scope, "cookie") or "").get(self.sessions.cookie, "")
        if not self.sessions.holds(cookie):
            return False
        # a cookie goes along with requests that pages of other ports make; those are not the person's wish
        if header(scope, "sec-fetch-site") not in (None, "same-origin", "none"):
            raise ForbiddenError("Pages of another origin may not use this session.")
        return True


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


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
