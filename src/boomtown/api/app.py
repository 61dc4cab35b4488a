"""The web application: who is let in, what is where."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from boomtown.api.admission import Admission
from boomtown.api.agents import METHODS, agent_routes, health
from boomtown.api.auth import People, check_source
from boomtown.api.compression import Compressed
from boomtown.api.describe.page import docs_routes
from boomtown.api.errors import envelope, json_answer, to_trpc
from boomtown.api.live.feed import Feed
from boomtown.api.login import login_routes
from boomtown.api.mcp import mcp_route
from boomtown.api.metrics import metrics_routes
from boomtown.api.pages import Pages
from boomtown.api.procedures import Caller, gastown
from boomtown.api.rest import rest_routes
from boomtown.api.trpc import Endpoint
from boomtown.domain.errors import ForbiddenError, NotFoundError
from boomtown.home.paths import Home
from boomtown.rig.desk import Desk
from boomtown.rig.tokens import Tokens

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class Services(Protocol):
    """What is served: `rig.compose.TownRuntime`."""

    @property
    def town(self) -> Any: ...

    @property
    def desk(self) -> Desk: ...

    @property
    def tokens(self) -> Tokens: ...


class App:
    """The ASGI application of a server. `close` ends its live streams, so that it can end itself."""

    def __init__(self, home: Home, services: Services, people: People, *, allow_remote: bool = False) -> None:
        feed = Feed(home, services.town)

        async def caller_of(scope: Scope) -> Caller:
            person = await people.person(scope)
            return Caller(person, services.town, feed, people.sessions, self._trpc.end_streams)

        self._people = people
        self._trpc = Endpoint(gastown, context=caller_of, explain=to_trpc)
        admission = Admission(services.tokens)
        routes = [
            Route("/health", health, methods=["GET"]),
            *login_routes(people),
            *agent_routes(services.desk, admission),
            mcp_route(services.desk, admission),
            Mount("/trpc", self._trpc),
            *rest_routes(caller_of),
            *docs_routes(),
            *metrics_routes(people, services.town),
            Route("/api/{rest:path}", _no_such_path, methods=METHODS),
            Route("/{rest:path}", Pages().answer, methods=["GET"]),
        ]
        inner = Starlette(routes=routes)
        self._guarded = Guard(Compressed(inner), allow_remote=allow_remote)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._guarded(scope, receive, send)

    def login_path(self) -> str:
        """A path that logs the owner's browser in, once."""
        return self._people.sessions.path_of_link(self._people.owner.id)

    def close(self) -> None:
        self._trpc.close()


class Guard:
    """Stands before everything: refuses foreign hosts and origins, adds the headers that keep a browser safe."""

    HEADERS = (
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (
            b"content-security-policy",
            b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
            b"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
    )

    def __init__(self, app: Asgi, *, allow_remote: bool) -> None:
        self._app = app
        self._allow_remote = allow_remote

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def send_safely(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in message["headers"]}
                own = [*self.HEADERS, (b"cache-control", b"no-store")]
                message["headers"] = [*message["headers"], *(pair for pair in own if pair[0] not in names)]
            await send(message)

        try:
            check_source(scope, allow_remote=self._allow_remote)
        except ForbiddenError as error:
            await _refusal(scope, error)(scope, receive, send_safely)
            return
        await self._app(scope, receive, send_safely)


def _refusal(scope: Scope, error: ForbiddenError) -> Response:
    """In the form that callers of this path wait for."""
    if scope["path"].startswith("/trpc"):
        told = to_trpc(error, None)
        return json_answer({"error": told.shape(None)}, told.http_status)
    if scope["path"].startswith(("/api", "/mcp")):
        return envelope(error, scope["path"])
    return PlainTextResponse(error.message + "\n", error.http_status)


async def _no_such_path(request: Request) -> Response:
    return envelope(NotFoundError(f"There is no path {request.url.path[:200]} here."), request.method)
