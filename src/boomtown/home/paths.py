"""Where everything is in `$BOOMTOWN_HOME`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The paths of one home. Making one touches nothing; `create` makes the folders, private to the user."""

    root: Path

    @classmethod
    def from_env(cls) -> Home:
        """`$BOOMTOWN_HOME`, else `~/.boomtown`."""
        return cls(Path(os.environ.get("BOOMTOWN_HOME") or Path.home() / ".boomtown").expanduser().absolute())

    def create(self) -> None:
        """Make the folders that are missing, readable by the user alone (0700)."""
        for folder in (self.root, self.rigs, self.logs, self.backups, self.bin):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root.chmod(0o700)

    @property
    def database(self) -> Path:
        return self.root / "town.db"

    @property
    def server_json(self) -> Path:
        return self.root / "server.json"

    @property
    def port(self) -> Path:
        """The port that the server had last, and takes again."""
        return self.root / "port"

    @property
    def container_json(self) -> Path:
        return self.root / "container.json"

    @property
    def token(self) -> Path:
        return self.root / "token"

    @property
    def jwt_key(self) -> Path:
        return self.root / "jwt.key"

    @property
    def home_id(self) -> Path:
        """A random id that marks every process of this home."""
        return self.root / "home.id"

    @property
    def config(self) -> Path:
        return self.root / "config.toml"

    @property
    def server_lock(self) -> Path:
        return self.root / "server.lock"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def rigs(self) -> Path:
        return self.root / "rigs"

    @property
    def bin(self) -> Path:
        """First on an agent's PATH: the `boomtown` command of this very installation."""
        return self.root / "bin"

    def agent(self, name: str) -> Path:
        """Where the program of a preset is installed."""
        return self.root / "agents" / name

    def rig(self, rig_name: str) -> RigPaths:
        return RigPaths(self.rigs / rig_name)

    def stream(self, run_id: str) -> Path:
        return self.logs / f"{run_id}.jsonl"


def home_environment(home: Path) -> dict[str, Path]:
    """The variables that lead into a HOME of its own."""
    return {
        "HOME": home,
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_CACHE_HOME": home / ".cache",
        "XDG_DATA_HOME": home / ".local" / "share",
        "XDG_STATE_HOME": home / ".local" / "state",
        "XDG_RUNTIME_DIR": home / ".run",
        "TMPDIR": home / "tmp",
    }


@dataclass(frozen=True)
class RigPaths:
    """The paths of one rig."""

    root: Path

    @property
    def repo(self) -> Path:
        """The bare clone that all worktrees share."""
        return self.root / "repo.git"

    @property
    def worktrees(self) -> Path:
        return self.root / "worktrees"

    def worktree(self, slug: str) -> Path:
        return self.worktrees / slug

    @property
    def warm(self) -> Path:
        """Worktrees checked out in advance, detached."""
        return self.worktrees / "warm"

    @property
    def scratch(self) -> Path:
        """Worktrees for gates."""
        return self.worktrees / "scratch"

    def agent_home(self, bead_id: str) -> Path:
        """HOME of the polecat that works on a bead; kept over its attempts."""
        return self.root / "homes" / bead_id

    def shared_home(self, agent_kind: str) -> Path:
        """HOME of agent processes that serve many polecats."""
        return self.root / "shared" / agent_kind

    @property
    def files(self) -> Path:
        """Files that a person put here for worktrees, at their paths in those."""
        return self.root / "files"

    def gate_log(self, merge_id: str) -> Path:
        """All output of a merge's gates, outside any tree."""
        return self.root / "gates" / f"{merge_id}.log"


def steps_file(log_path: Path) -> Path:
    """JSON beside a gate log: for each command in order `command`, `began_at`, and once over `ended_at`, `result`."""
    return log_path.with_suffix(".steps")
