"""A person's files on their way into a polecat's HOME."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from boomtown.container import gifts
from boomtown.container.gifts import bring


@pytest.fixture
def person(tmp_path: Path) -> Path:
    folder = tmp_path / "person" / ".claude"
    (folder / "skills" / "pdf").mkdir(parents=True)
    (folder / "CLAUDE.md").write_text("Be brief.")
    (folder / "skills" / "pdf" / "SKILL.md").write_text("Read it.")
    (folder / "skills" / "pdf" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "skills" / "pdf" / "run.sh").chmod(0o755)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "polecat"
    folder.mkdir()
    return folder


def all_of(person: Path) -> dict[str, str]:
    return {f".claude/{name}": str(person / name) for name in ("CLAUDE.md", "skills")}


def held(home: Path) -> dict[str, str]:
    return {str(path.relative_to(home)): path.read_text() for path in home.rglob("*") if path.is_file()}


def test_files_and_folders_are_copied_privately_and_anew_each_time(person: Path, home: Path) -> None:
    assert bring(all_of(person), home) == []
    (person / "CLAUDE.md").write_text("Be long.")
    assert bring(all_of(person), home) == []
    assert held(home)[".claude/CLAUDE.md"] == "Be long."
    assert (home / ".claude/skills/pdf/run.sh").stat().st_mode & 0o777 == 0o700
    assert (home / ".claude/skills/pdf/SKILL.md").stat().st_mode & 0o777 == 0o600


def test_links_are_followed_but_not_to_logins_nor_round_in_circles(person: Path, home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "dotfiles"
    elsewhere.mkdir()
    (elsewhere / "style.md").write_text("Style.")
    (person / ".credentials.json").write_text("SECRET")
    skills = person / "skills"
    (skills / "mine").symlink_to(elsewhere)
    (skills / "round").symlink_to(skills)
    (skills / "innocent.md").symlink_to(person / ".credentials.json")
    (skills / "nothing.md").symlink_to(tmp_path / "nowhere")
    (skills / "pdf" / ".env").write_text("SECRET")
    os.mkfifo(skills / "pipe")
    (skills / "loop").symlink_to(skills / "loop")
    notes = bring(all_of(person), home)
    found = held(home)
    assert found[".claude/skills/mine/style.md"] == "Style."
    assert "SECRET" not in found.values()
    left = {note.split(" is left out")[0].rsplit("/", 1)[1] for note in notes}
    assert left == {"innocent.md", "nothing.md", ".env", "pipe", "loop"}


def test_what_an_agent_put_in_the_way_does_not_lead_back_to_the_person(person: Path, home: Path) -> None:
    (home / ".claude").mkdir(parents=True)
    (home / ".claude/CLAUDE.md").symlink_to(person / "CLAUDE.md")
    (home / ".claude/skills").symlink_to(person / "skills")
    before = held(person)
    assert bring(all_of(person), home) == []
    assert held(person) == before
    assert not (home / ".claude/skills").is_symlink()


def test_too_much_and_what_can_not_be_copied_is_left_out_and_said(
    person: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gifts, "MOST_FILES", 1)
    (home / ".claude/CLAUDE.md").mkdir(parents=True)
    too_many, in_the_way = bring(all_of(person), home)[::-1]
    assert "at most 1 with" in too_many
    assert "CLAUDE.md could not be inherited" in in_the_way
    assert held(home) == {}
