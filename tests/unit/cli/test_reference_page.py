"""The page of commands is what the program does."""

from __future__ import annotations

from pathlib import Path

from boomtown.cli.reference import page

PAGE = Path(__file__).parents[3] / "docs" / "commands.md"


def test_the_page_of_commands_is_up_to_date() -> None:
    cure = "run `python -m boomtown.cli.reference > docs/commands.md`"
    assert PAGE.read_text(encoding="utf-8") == page(), cure
