"""Who may call: people by the home's token, over hosts and from origins that are this machine's."""

from __future__ import annotations

import hmac
import ipaddress
import os
import pwd
from collections.abc import MutableMapping
from typing import Any

from boomtown.domain.errors import ForbiddenError, UnauthorizedError
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
    """The people of a home. Today that is one, whoever has read `home.token`; the dashboard's sessions come here."""

    def __init__(self, home: Home) -> None:
        self._token = secret_file(home.token).encode()
        home.token.chmod(0o600)
        self._actor = f"user:{_user_name()}"

    def actor(self, scope: Scope) -> str:
        """Whose request it is, as "user:<name>". Raises `UnauthorizedError`."""
        token = bearer(scope)
        if token is None:
            raise UnauthorizedError(
                "A token is missing. Send `Authorization: Bearer …`; it is in the home's file `token`."
            )
        if not hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._token):
            raise UnauthorizedError("This token is not this home's. The right one is in the home's file `token`.")
        return self._actor


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
