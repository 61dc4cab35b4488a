"""What the shell may offer next."""

from __future__ import annotations

from pathlib import Path

import pytest

from boomtown.cli import main
from boomtown.cli.completion import candidates


@pytest.fixture(autouse=True)
def _no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOMTOWN_HOME", str(tmp_path))
    monkeypatch.delenv("BOOMTOWN_URL", raising=False)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ri"], ["rig"]),
        (["rig", "s"], ["set", "show"]),
        (["rig", ""], ["add", "check", "list", "remove", "set", "show"]),
        (["sling", "r", "--pri"], ["--priority"]),
        (["sling", "r", "--priority", ""], ["low", "medium", "high", "critical"]),
        (["beads", "r", "--status", "in_"], ["in_progress", "in_review"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["sling", "r", "--agent", "d"], ["demo"]),
        (["completion", "bash", ""], []),
        (["rig", "show", ""], []),
        (["nonsense", ""], []),
    ],
)
def test_candidates(words: list[str], expected: list[str]) -> None:
    assert candidates(words) == expected


def test_the_first_word_is_a_command_for_people() -> None:
    offered = candidates([""])
    assert {"up", "sling", "rig", "bead", "agent"} <= set(offered)
    assert not {"done", "prime"} & set(offered)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["completion", shell]) == 0
    assert "boomtown _complete" in capsys.readouterr().out
