"""A home that names a small real server, and the command run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from answering import Answering, answering

from boomtown.cli import main


@dataclass
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as one JSON document."""
        return json.loads(self.out)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and an environment in which nothing else is found."""
    root = tmp_path / "home"
    root.mkdir()
    monkeypatch.setenv("BOOMTOWN_HOME", str(root))
    for name in ("BOOMTOWN_URL", "BOOMTOWN_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return root


@pytest.fixture
def server(home: Path) -> Iterator[Answering]:
    """A server that the home names."""
    with answering() as told:
        (home / "server.json").write_text(json.dumps({"url": told.url, "pid": 1, "started_at": 0}))
        (home / "token").write_text("the-token\n")
        yield told


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run `boomtown WORDS…`; on failure exactly one line must be on stderr."""

    def run_command(*words: str) -> Ran:
        capsys.readouterr()
        status = main.run(list(words))
        captured = capsys.readouterr()
        if status:
            assert "Traceback" not in captured.err
        return Ran(status, captured.out, captured.err)

    return run_command
