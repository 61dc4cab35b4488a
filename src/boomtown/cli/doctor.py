"""`boomtown doctor`: what is wrong, and what to do about it. Works without a server."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from boomtown.cli.output import Output, clean, paint
from boomtown.home.paths import Home


def doctor(args: Namespace, out: Output) -> int:
    """Exit status 1 if something is left that a person has to see to."""
    from boomtown.api import offline

    home = Home.from_env()
    found = offline.doctor(home, fix=args.fix)
    out.show(
        found, lambda: _lines(found) if found else [f"There is no home at {home.root} yet. `boomtown up` makes it."]
    )
    return 0 if all(finding["ok"] for finding in found) else 1


def _lines(found: list[dict[str, Any]]) -> Iterator[str]:
    for finding in found:
        word, style = (
            ("mended", "yellow") if finding["mended"] else ("ok", "green") if finding["ok"] else ("wrong", "red")
        )
        yield f"{paint(f'{word:<7}', style)} {finding['check']:<14} {clean(finding['text'])}"
        if finding["cure"]:
            yield f"{'':<23}→ {finding['cure']}"
