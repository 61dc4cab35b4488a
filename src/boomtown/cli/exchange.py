"""One HTTP request and its answer, by an agent's own process: `http.client` would be most of what that costs.

HTTP/1.0 on purpose: the answer then ends where the connection does, and is never in chunks.
"""

from __future__ import annotations

import socket

from boomtown.domain.errors import BadInputError

LONGEST_ANSWER = 1 << 26


def exchange(
    url: str, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout_s: float
) -> tuple[int, bytes]:
    """Status and body of what the server at `url` (`http://HOST[:PORT]`) answers.

    Raises `OSError` if it does not answer, or in part; `BadInputError` if `url` is none.
    """
    host, port, secure = _address(url)
    lines = [f"{method} {path} HTTP/1.0", f"Host: {host}:{port}", f"Content-Length: {len(body or b'')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    request = "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")
    with socket.create_connection((host, port), timeout_s) as plain:
        connection = _secured(plain, host) if secure else plain
        connection.sendall(request)
        return _parsed(_all_of(connection))


def _address(url: str) -> tuple[str, int, bool]:
    """Host, port, and whether it is `https`."""
    scheme, _, rest = url.partition("://")
    place, secure = rest.partition("/")[0], scheme == "https"
    host, colon, port = (place, "", "") if place.endswith("]") else place.rpartition(":")
    if not colon:
        host, port = place, "443" if secure else "80"
    if scheme not in ("http", "https") or not host or not port.isdecimal():
        raise BadInputError(f"GASTOWN_API_URL is “{url}”, which is not a URL. It is set by the town; don't change it.")
    return host.strip("[]"), int(port), secure


def _secured(plain: socket.socket, host: str) -> socket.socket:
    import ssl

    return ssl.create_default_context().wrap_socket(plain, server_hostname=host)


def _all_of(connection: socket.socket) -> bytes:
    text = bytearray()
    while chunk := connection.recv(1 << 16):
        text += chunk
        if len(text) > LONGEST_ANSWER:
            raise OSError("the answer does not end")
    return bytes(text)


def _parsed(text: bytes) -> tuple[int, bytes]:
    head, end, body = text.partition(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    words = first.split()
    if not end or len(words) < 2 or not words[1].isdigit():
        raise ConnectionError("it ended in the middle of its answer" if text else "it ended without an answer")
    for field in fields:
        name, _, value = field.partition(b":")
        if name.strip().lower() == b"content-length" and len(body) < int(value):
            raise ConnectionError("it ended in the middle of its answer")
    return int(words[1]), body
