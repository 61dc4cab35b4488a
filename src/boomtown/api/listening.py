"""Which port the server takes. It is kept over restarts, because agents that are at work go on calling it."""

from __future__ import annotations

import errno
import socket

from boomtown.api.auth import is_local
from boomtown.domain.errors import BadInputError, BoomtownError, ConflictError, UnavailableError
from boomtown.home.paths import Home

DEFAULT_PORT = 8030
BACKLOG = 512


def kept_port(home: Home) -> int | None:
    """The port of the last server, None before the first."""
    try:
        port = int(home.port.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return port if 0 < port < 65_536 else None


def listen(home: Home, host: str, asked: int | None, *, agents_live: bool) -> socket.socket:
    """A listening socket on `host`. `asked` None: the kept port, else 8030; 0: any free one.

    While agents live it has to be the kept port. A kept port that is taken and that nobody asked for is replaced by a
    free one once no agent lives. Raises `ConflictError` for a port that is taken.
    """
    kept = kept_port(home)
    if agents_live and kept is not None:
        if asked not in (None, 0, kept):
            raise ConflictError(
                f"Agents are at work and call port {kept}, so the server can't take port {asked} now. "
                "Start it without --port, or stop the agents first: boomtown down."
            )
        return _bind(host, kept, "Agents are at work and call it. End the program that has it, then try again.")
    wanted = asked if asked is not None else kept or DEFAULT_PORT
    try:
        return _bind(host, wanted, "Choose another with --port, or --port 0 for a free one.")
    except ConflictError:
        if asked is not None or wanted == DEFAULT_PORT:
            raise
        return _bind(host, 0, "")


def _bind(host: str, port: int, cure: str) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise BadInputError(f"The host “{host}” is no address of this machine ({error.strerror}).") from error
    family, kind, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    listening = socket.socket(family, kind)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # connections inherit it; without it a short answer waits 40 ms for the other side to acknowledge its header
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise _refused(host, port, error, cure) from error
    return listening


def _refused(host: str, port: int, error: OSError, cure: str) -> BoomtownError:
    if error.errno == errno.EADDRINUSE:
        return ConflictError(f"Port {port} on {host} is taken. {cure}", code="PORT_TAKEN")
    if error.errno == errno.EACCES:
        return UnavailableError(f"Port {port} may not be used by you. Choose one from 1024 on with --port.")
    return UnavailableError(f"Can't listen on {host}, port {port}: {error.strerror}. Check --host.")


def url_of(listening: socket.socket) -> str:
    """The root URL under which processes of this machine reach the socket."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def check_host(host: str, *, allow_remote: bool) -> None:
    """Raise `BadInputError` unless only this machine reaches `host`, or `allow_remote`."""
    if not allow_remote and not is_local(f"[{host}]" if ":" in host else host):
        raise BadInputError(
            f"With --host {host} other machines could reach this server. If you want that, add --allow-remote.",
            field="host",
        )
