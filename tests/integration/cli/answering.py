"""A small real HTTP server that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Asked:
    """One request. `sent` is its JSON: the body, or the `input` of a query."""

    method: str
    path: str
    sent: Any
    token: str


@dataclass
class Answering:
    """`answers` maps a path to a function from what was sent to (status, JSON), or to None: hang up without a word."""

    url: str
    answers: dict[str, Callable[[Any], tuple[int, Any] | None]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def procedure(self, name: str, result: Any) -> None:
        """Let a tRPC procedure answer `result`, or what `result(input)` returns."""

        def answer(sent: Any) -> tuple[int, Any]:
            return 200, {"result": {"data": result(sent) if callable(result) else result}}

        self.answers[f"/trpc/gastown.{name}"] = answer

    def refusal(self, name: str, status: int, code: str, message: str) -> None:
        """Let a tRPC procedure fail."""
        error = {"message": message, "code": -32600, "data": {"code": code, "httpStatus": status}}
        self.answers[f"/trpc/gastown.{name}"] = lambda _sent: (status, {"error": error})

    def inputs(self, name: str) -> list[Any]:
        """What a procedure was called with, in order."""
        return [asked.sent for asked in self.asked if asked.path == f"/trpc/gastown.{name}"]


@contextmanager
def answering(port: int = 0) -> Iterator[Answering]:
    """The server, on loopback, for the length of a `with`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent = json.loads(body) if body else json.loads(query["input"][0]) if "input" in query else None
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            told.asked.append(Asked(self.command, parts.path, sent, token))
            answer = told.answers.get(parts.path, lambda _sent: (404, {"success": False, "error": "no such path"}))(
                sent
            )
            if answer is None:
                self.close_connection = True
                return
            status, document = answer
            text = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = _handle  # noqa: N815
        do_POST = _handle  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    told = Answering(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
