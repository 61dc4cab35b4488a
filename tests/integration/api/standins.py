"""Stand-ins for the town's two services: they note what they are asked, and answer or raise what a test wants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boomtown.api.app import App
from boomtown.api.auth import People
from boomtown.home.clock import SystemClock
from boomtown.home.paths import Home
from boomtown.rig.tokens import Claims, Tokens


@dataclass
class Asked:
    """Every method exists; the last call wins."""

    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    answer: Any = None
    error: Exception | None = None

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def method(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, args, kwargs))
            if self.error is not None:
                raise self.error
            return self.answer

        return method


class Nobody:
    """Users of a home that has none."""

    async def user_with_token(self, token: str) -> None:
        return None

    async def user_with_id(self, user_id: str) -> None:
        return None


class Standins:
    """An application over stand-ins, with real tokens in a real home."""

    def __init__(self, folder: Path, *, allow_remote: bool = False) -> None:
        self.home = Home(folder)
        self.home.create()
        self.town, self.desk = Asked(), Asked()
        self.tokens = Tokens(self.home, SystemClock())
        people = People(self.home, SystemClock(), Nobody())
        self.app = App(self.home, self, people, allow_remote=allow_remote)  # type: ignore[arg-type]
        self.url = ""

    def forget(self) -> None:
        for asked in (self.town, self.desk):
            asked.calls.clear()
            asked.answer = asked.error = None

    @property
    def user(self) -> dict[str, str]:
        """Headers of a person."""
        return {"authorization": f"Bearer {self.home.token.read_text().strip()}"}

    def agent(self, run: int = 7, lives_s: float = 60.0) -> dict[str, str]:
        """Headers of the agent a of rig r in town t; it lives `lives_s` seconds, which may be none."""
        claims = Claims("t", "r", "a", run, "polecat")
        deadline = SystemClock().now() + lives_s - 3600
        return {"authorization": f"Bearer {self.tokens.issue(claims, deadline)}"}
