"""What a polecat inherits of its person's files: copies in its own HOME, never a login, never the person's own."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from boomtown.container.plain import place_below

MOST_FILES = 2000
MOST_BYTES = 32 << 20

_SECRET = re.compile(
    r"\.env(\..*)?|.*credentials(\.json)?|.*auth\.json|oauth_creds\.json|.*oauth-tokens.*|.*\.(pem|key|p12|pfx)"
    r"|id_(rsa|dsa|ecdsa|ed25519)|\.(netrc|npmrc|pypirc)",
    re.I,
)
_PRIVATE = {".git", ".ssh", ".aws", ".gnupg"}
"""Names of files and of folders that hold logins and keys."""


def bring(gifts: Mapping[str, str], home: Path) -> list[str]:
    """Copy what each source is to its place below `home`; returns a sentence for what was left out. Blocking.

    The person's links are followed, as many keep their files elsewhere; one to a login is left out all the same.
    """
    notes: list[str] = []
    for target, source in gifts.items():
        try:
            files = list(_files(Path(source), target, set(), notes))
            taken = sum(path.stat().st_size for path, _ in files)
            if len(files) > MOST_FILES or taken > MOST_BYTES:
                notes.append(
                    f"{source} is left out: it has {len(files)} files with {taken / 1e6:.0f} MB; at most {MOST_FILES} "
                    f"with {MOST_BYTES >> 20} MiB are inherited."
                )
                continue
            for path, name in files:
                place = place_below(home, name)
                place.unlink(missing_ok=True)
                shutil.copyfile(path, place)
                place.chmod(0o700 if os.access(path, os.X_OK) else 0o600)
        except (OSError, shutil.Error) as error:
            notes.append(f"{source} could not be inherited: {error}.")
    return notes


def _files(source: Path, target: str, above: set[Path], notes: list[str]) -> Iterator[tuple[Path, str]]:
    """Regular files at and below `source`, each with its place; where there are too many, one too many."""
    real = Path(os.path.realpath(source))
    if any(map(_SECRET.fullmatch, (source.name, real.name))) or _PRIVATE & {source.name, *real.parts}:
        notes.append(f"{source} is left out: it looks like a login or a key.")
    elif real.is_file():
        yield real, target
    elif real.is_dir():
        if real in above:
            return
        found = (
            file
            for entry in sorted(source.iterdir())
            for file in _files(entry, f"{target}/{entry.name}", above | {real}, notes)
        )
        yield from islice(found, MOST_FILES + 1)
    else:
        notes.append(f"{source} is left out: there is no file.")
