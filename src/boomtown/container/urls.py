"""Which repository URLs are taken, and what they are on this machine."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from boomtown.container.git import scrub
from boomtown.domain.errors import BadInputError

_SCHEMES = ("https", "http", "ssh", "file")
_SCP_LIKE = re.compile(
    r"(?P<user>[A-Za-z0-9._~-]+@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:]+\]):(?P<path>[^:].*)"
)
_TAKEN = "Use a path, or a URL that begins with https://, ssh:// or file://, or git@host:path."


def check_url(text: str) -> str:
    """The URL as git shall have it; a path becomes an absolute one.

    Raises `BadInputError` for what git would take as an option or as a program to run, and for paths without a
    repository.
    """
    if not text.strip() or re.search(r"[\x00-\x1f\x7f]", text):
        raise _refused(text, "It is empty or has control characters.")
    if text.startswith("-"):
        raise _refused(text, "It begins with a dash.")
    if re.match(r"[A-Za-z0-9][A-Za-z0-9+.-]*::", text):
        raise _refused(text, "It names a program to run.")
    if "://" in text:
        return _check_scheme(text)
    if not text.startswith(("/", ".", "~")) and _SCP_LIKE.fullmatch(text) and not Path(text).exists():
        return text
    path = Path(text).expanduser().absolute()
    if not path.exists():
        raise _refused(text, f"There is nothing at {path}.")
    return str(path)


def _check_scheme(text: str) -> str:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError as error:
        raise _refused(text, f"It is no URL: {error}.") from error
    if parts.scheme not in _SCHEMES:
        raise _refused(text, f"“{parts.scheme}://” is not taken.")
    if host.startswith("-") or (parts.scheme != "file" and not host):
        raise _refused(text, "It has no proper host.")
    if (path := local_path(text)) is not None and not path.exists():
        raise _refused(text, f"There is nothing at {path}.")
    return text


def _refused(text: str, why: str) -> BadInputError:
    return BadInputError(f"The repository {scrub(text)!r} can't be used. {why} {_TAKEN}", field="gitUrl")


def local_path(url: str) -> Path | None:
    """The folder on this machine that a URL leads to; None for a remote elsewhere."""
    if url.startswith("file://"):
        return Path(unquote(urlsplit(url).path))
    return Path(url) if url.startswith("/") else None
