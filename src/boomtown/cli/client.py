"""The one way from the command line to a server: tRPC over one kept connection, with nothing that is slow to import."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from boomtown.cli.patience import patiently
from boomtown.domain.errors import BadInputError, BoomtownError, UnauthorizedError, UnavailableError
from boomtown.home.paths import Home

T = TypeVar("T")

QUERY_S = 60.0
MUTATION_S = 4 * 3600.0
"""Clones and gates take long; while the server lives the answer comes."""
PATIENCE_S = 60.0
"""How long something that follows waits for a server that restarts."""
LONG_POLL_S = 25.0


@dataclass(frozen=True)
class Server:
    """Where a server is and what opens it."""

    url: str
    token: str


def find_server(home: Home) -> Server:
    """`$BOOMTOWN_URL` and `$BOOMTOWN_TOKEN`, else the running server of the home.

    Raises `UnavailableError` saying how to start one. A token of this home is never sent anywhere else.
    """
    here = server_of(home)
    url = os.environ.get("BOOMTOWN_URL", "").rstrip("/")
    token = os.environ.get("BOOMTOWN_TOKEN", "").strip()
    if not url and here is None:
        raise UnavailableError(f"No server runs for {home.root}. Start it with `boomtown up`.")
    if here is not None and url in ("", here.url):
        return Server(here.url, token or here.token)
    if not token:
        raise UnauthorizedError(
            f"BOOMTOWN_URL is {url}, but BOOMTOWN_TOKEN is not set. Set it to a token of its server."
        )
    return Server(url, token)


def server_of(home: Home) -> Server | None:
    """The server that the home's files name, whether or not it still answers."""
    try:
        return Server(json.loads(home.server_json.read_text())["url"].rstrip("/"), home.token.read_text().strip())
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None


class Client:
    """Calls procedures. Not for use by more than one thread: each wants its own (`twin`)."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._connection: http.client.HTTPConnection | None = None

    def twin(self) -> Client:
        """Another connection to the same server."""
        return Client(self.server)

    def query(self, procedure: str, *, wait_s: float | None = None, **inputs: Any) -> Any:
        """What `gastown.<procedure>` answers. `wait_s` is passed on as `waitS`, for calls that wait for news.

        Raises the server's error, with its code, or `UnavailableError`.
        """
        given = _given(inputs) | ({} if wait_s is None else {"waitS": wait_s})
        path = f"/trpc/gastown.{procedure}?input={quote(json.dumps(given, ensure_ascii=False))}"
        return self._call("GET", path, None, QUERY_S + (wait_s or 0.0))

    def mutate(self, procedure: str, **inputs: Any) -> Any:
        """As `query`, for what changes something. Sent once: a lost answer is an error, not a reason to repeat."""
        body = json.dumps(_given(inputs), ensure_ascii=False).encode()
        return self._call("POST", f"/trpc/gastown.{procedure}", body, MUTATION_S)

    def patiently(self, call: Callable[[], T]) -> T:
        """`call()`, again and again while the server is away, for up to a minute: it may be restarting."""
        return patiently(call, PATIENCE_S)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _call(self, method: str, path: str, body: bytes | None, timeout_s: float) -> Any:
        headers = {"Authorization": f"Bearer {self.server.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if body is not None:
            self.close()  # a kept connection may just be closing: a change is sent once, so on a fresh one
        fresh = self._connection is None
        try:
            status, text = self._exchange(method, path, body, headers, timeout_s)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not fresh and body is None:
                return self._call(method, path, body, timeout_s)
            raise self._lost(error, sent=body is not None) from error
        return self._answer(status, text)

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout_s: float
    ) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = _connect(self.server.url)
        connection = self._connection
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()

    def _answer(self, status: int, text: bytes) -> Any:
        try:
            document = json.loads(text)
            if "result" in document:
                return document["result"].get("data")
            error = document["error"]
            data = error.get("data") or {}
            code, message = data.get("code", "INTERNAL"), error["message"]
        except (ValueError, KeyError, TypeError, AttributeError) as wrong:
            raise UnavailableError(
                f"{self.server.url} answered with status {status}, but not as a Boomtown server does. "
                "Check BOOMTOWN_URL, or start a server with `boomtown up`."
            ) from wrong
        if status == 503:
            raise UnavailableError(message, data=data)
        if code == "UNAUTHORIZED":
            raise UnauthorizedError(
                f"The server at {self.server.url} does not accept the token. "
                "Set BOOMTOWN_TOKEN, or use the BOOMTOWN_HOME that the server was started with."
            )
        raise BoomtownError(message, code=code, data=data)

    def _lost(self, error: Exception, *, sent: bool) -> UnavailableError:
        if isinstance(error, ConnectionRefusedError):
            return UnavailableError(f"No server answers at {self.server.url}. Start it with `boomtown up`.")
        cure = "See `boomtown status` for what came of it." if sent else "Try again, or see `boomtown status`."
        reason = str(error) or type(error).__name__
        return UnavailableError(f"The server at {self.server.url} did not answer ({reason}). {cure}")


def connect() -> Client:
    """A client of the server that the environment or the home names."""
    return Client(find_server(Home.from_env()))


def _given(inputs: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if value is not None}


def _connect(url: str) -> http.client.HTTPConnection:
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    try:
        parts = urlsplit(url)
        kind, host, port = kinds[parts.scheme], parts.hostname, parts.port
    except (ValueError, KeyError):
        kind, host, port = http.client.HTTPConnection, None, None
    if not host:
        raise BadInputError(f"“{url}” is not the URL of a server. Write BOOMTOWN_URL=http://HOST:PORT.")
    return kind(host, port)
