"""The one connection to an agent process that many sessions use: each gets what is its own."""

from __future__ import annotations

from typing import Any, Protocol, cast

import structlog
from acp import PROTOCOL_VERSION
from acp.core import ClientSideConnection
from acp.interfaces import Client
from acp.schema import (
    ClientCapabilities,
    DeniedOutcome,
    Implementation,
    InitializeResponse,
    PermissionOption,
    RequestPermissionResponse,
    ToolCallUpdate,
)

from boomtown import __version__
from boomtown.container.agents.transport import PipeTransport

log = structlog.get_logger()


class Listener(Protocol):
    """Who hears what is said of one session."""

    async def session_update(self, session_id: str, update: Any, **meta: Any) -> None: ...

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption], **meta: Any
    ) -> RequestPermissionResponse: ...


async def greet(connection: ClientSideConnection) -> InitializeResponse:
    """The handshake, once for each process."""
    return await connection.initialize(
        PROTOCOL_VERSION, ClientCapabilities(), Implementation(name="boomtown", version=__version__)
    )


class Line:
    """`agent` is what the process said of itself, once it was greeted."""

    agent: InitializeResponse

    def __init__(self, transport: PipeTransport) -> None:
        self.connection = ClientSideConnection(cast(Client, self), transport)
        self._listeners: dict[str, Listener] = {}

    async def open(self) -> Line:
        """Greet the process."""
        self.agent = await greet(self.connection)
        return self

    def connect(self, session_id: str, listener: Listener) -> None:
        """From now on `listener` hears what is said of that session."""
        self._listeners[session_id] = listener

    def forget(self, session_id: str) -> None:
        """Nobody listens to that session any more."""
        self._listeners.pop(session_id, None)

    async def session_update(self, session_id: str, update: Any, **meta: Any) -> None:
        """News of some session. Before it has a listener, and when its run is over, nobody wants any."""
        listener = self._listeners.get(session_id)
        if listener is not None:
            await listener.session_update(session_id, update, **meta)

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption], **meta: Any
    ) -> RequestPermissionResponse:
        """May some session use that tool? One without a listener may not."""
        listener = self._listeners.get(session_id)
        if listener is None:
            log.warning("line.nobody_asked", session=session_id)
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        return await listener.request_permission(session_id, tool_call, options, **meta)
