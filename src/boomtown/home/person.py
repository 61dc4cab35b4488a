"""The person whose home it is, as the system and as git know them."""

from __future__ import annotations

import os
import pwd
import subprocess

from boomtown.domain.errors import BadInputError


def login_name() -> str:
    """The name of the account that the home belongs to."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def git_person() -> tuple[str, str]:
    """Name and e-mail address that git would put on this person's commits. Raises `BadInputError` with the cure."""
    name, email = _said("user.name"), _said("user.email")
    if not name or not email:
        raise BadInputError(
            'config.toml says author = "me", but git does not know who you are. Tell it: '
            "git config --global user.name NAME, git config --global user.email ADDRESS."
        )
    return name, email


def _said(key: str) -> str:
    asked = subprocess.run(["git", "config", "--get", key], capture_output=True, text=True, check=False, cwd="/")
    return asked.stdout.strip()
