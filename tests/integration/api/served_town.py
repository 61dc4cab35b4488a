"""A real town with a bead at work and nobody at the other end, asked without a network."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from boomtown.api.app import App
from boomtown.api.auth import People
from boomtown.domain.errors import UnavailableError
from boomtown.home.clock import LoopScheduler, SystemClock, new_id
from boomtown.home.config import AgentSettings, Settings
from boomtown.home.paths import Home
from boomtown.rig.compose import TownRuntime
from boomtown.rig.tokens import Claims
from boomtown.store import rigs, runs, sql, tables
from boomtown.store.database import Database
from boomtown.store.migrate import migrate


class Hurried(SystemClock):
    """Between two calls a minute has passed: nobody calls too often."""

    def __init__(self) -> None:
        self._calls = 0

    def monotonic(self) -> float:
        self._calls += 1
        return 60.0 * self._calls


class NoContainer:
    """Nobody at the other end."""

    attached = None

    def on_report(self, call: Any) -> None:
        pass

    def on_attach(self, call: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        async def ask(*_args: Any, **_kwargs: Any) -> Any:
            raise UnavailableError("No container is attached at the moment.")

        return ask


class ServedTown:
    """Its `town`, `rig`, `bead` and `agent` are ids; `token` is the agent's, `person` the owner's."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.home.create()
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self._begin())

    async def _begin(self) -> None:
        scheduler, clock = LoopScheduler(), Hurried()
        self.database = Database.open(self.home.database, scheduler)
        migrate(self.database)
        known = Settings(default_agent="a", agents={"a": AgentSettings("a", command=("true",))})
        container: Any = NoContainer()
        self.runtime = TownRuntime(
            self.home, known, container, clock, scheduler, new_id, lambda _now, _keep: None, self.database
        )
        self.scheduler = scheduler
        self.database.write_now(lambda db: rigs.ensure_home(db, new_id(), new_id(), clock.now()))
        self.town = self.database.read_now(rigs.all_towns)[0]["id"]
        self.rig = new_id()
        row = {"id": self.rig, "town_id": self.town, "name": "web", "name_key": "web", "git_url": "/web"}
        row |= {"default_branch": "main", "max_polecats": 2, "merge": "review", "landing": "squash"}
        extra: dict[str, Any] = {"gates": [], "settings": {}, "created_at": clock.now()}
        self.database.write_now(lambda db: sql.add(db, tables.rigs, **row, **extra))
        await self.runtime.start("http://127.0.0.1:1")
        await self.runtime.town.sling(
            "user:ann", self.rig, tasks=[{"title": "one"}, {"title": "two"}, {"title": "three"}]
        )
        live = self.database.read_now(runs.live)[0]
        self.bead, self.agent = live["bead_id"], live["polecat_id"]
        self.claims = Claims(self.town, self.rig, self.agent, live["number"], "polecat")
        self.token = self.runtime.tokens.issue(self.claims, clock.now() + 3600)
        self.app = App(self.home, self.runtime, People(self.home, clock, self.runtime.town))
        self.person = self.home.token.read_text().strip()

    def ask(self, method: str, path: str, query: str, body: bytes, token: str) -> tuple[int, bytes]:
        return self.loop.run_until_complete(self._ask(method, path, query, body, token))

    async def _ask(self, method: str, path: str, query: str, body: bytes, token: str) -> tuple[int, bytes]:
        sent: list[dict[str, Any]] = []
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return waiting.pop() if waiting else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        fields = {"host": "127.0.0.1", "content-type": "application/json", "authorization": f"Bearer {token}"}
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(),
            "root_path": "", "scheme": "http", "query_string": query.encode(), "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1), "headers": [(name.encode(), text.encode()) for name, text in fields.items()],
        }  # fmt: skip
        await self.app(scope, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])

    def close(self) -> None:
        self.loop.run_until_complete(self.runtime.close())
        self.loop.run_until_complete(self.scheduler.close())
        self.database.close()
        self.loop.close()
