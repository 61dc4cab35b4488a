"""The plain HTTP that an agent's own processes speak."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from boomtown.cli.exchange import exchange
from boomtown.domain.errors import BadInputError


@contextmanager
def saying(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server for one request, which answers these bytes and hangs up."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            guest, _ = door.accept()
            with guest:
                heard.append(guest.recv(1 << 16))
                guest.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}", heard
        thread.join(30)


def test_a_request_carries_its_headers_and_the_answer_comes_whole() -> None:
    with saying(b"HTTP/1.1 409 Conflict\r\ncontent-length: 4\r\n\r\n\r\n\r\n") as (url, heard):
        assert exchange(url, "POST", "/a?b=1", b"{}", {"Authorization": "Bearer x"}, 30) == (409, b"\r\n\r\n")
    head = heard[0].split(b"\r\n")
    assert head[0] == b"POST /a?b=1 HTTP/1.0"
    assert {b"Authorization: Bearer x", b"Content-Length: 2"} <= set(head)


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\ncontent-le", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhalf", b"no\r\n\r\n"],
)
def test_half_an_answer_is_none(answer: bytes) -> None:
    with saying(answer) as (url, _), pytest.raises(ConnectionError, match="it ended"):
        exchange(url, "GET", "/", None, {}, 30)


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1", "http://", "http://:80", "http://127.0.0.1:x", "127.0.0.1:80"])
def test_what_is_no_url_is_said(url: str) -> None:
    with pytest.raises(BadInputError, match="which is not a URL"):
        exchange(url, "GET", "/", None, {}, 30)


def test_a_server_may_listen_on_ipv6() -> None:
    with pytest.raises(OSError, match=r"refused|unreachable|not available|assign|supported"):
        exchange("http://[::1]:1", "GET", "/", None, {}, 30)
