"""The command `boomtown`: runs one command and turns whatever happens into an exit status and one clear line."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TextIO

from boomtown.cli.output import Output, clean
from boomtown.cli.parsing import UsageError, parse
from boomtown.domain.errors import BoomtownError

OK, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def main() -> None:
    """The console script: never shows a traceback."""
    sys.exit(run(sys.argv[1:]))


def run(argv: list[str]) -> int:
    """Run the command that `argv` names; returns the exit status: 0 done, 1 failed, 2 wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        status = _dispatch(argv)
        sys.stdout.flush()
        return status
    except UsageError as error:
        return _complain(error.message, WRONG_USAGE)
    except BoomtownError as error:
        return _complain(error.message, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _silence(sys.stdout)
        return FAILED
    except Exception as error:  # noqa: BLE001 - the edge of the program: the traceback goes to a file
        return _complain(_unexpected(error), FAILED)


def _dispatch(argv: list[str]) -> int:
    if argv[:1] == ["_complete"]:
        from boomtown.cli.completion import candidates

        print("\n".join(candidates(argv[1:])))
        return OK
    parsed = parse(argv)
    if parsed is None:
        return OK
    command, arguments = parsed
    module, function = command.handler.split(":")
    handler = getattr(importlib.import_module(f"boomtown.cli.{module}"), function)
    return handler(arguments, Output(getattr(arguments, "json", False))) or OK


def _complain(message: str, status: int) -> int:
    lines = [clean(line).rstrip() for line in message.strip().splitlines()]
    print("boomtown: " + "\n".join(line for line in lines if line), file=sys.stderr)
    return status


def _unexpected(error: Exception) -> str:
    """Keep the traceback in the home, and say where."""
    import traceback

    from boomtown.home.paths import Home

    path = Home.from_env().root / "cli.log"
    what = f"{type(error).__name__}: {error}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as log:
            log.write("".join(traceback.format_exception(error)) + "\n")
    except OSError:
        return f"An unexpected error ({what}). Please report it."
    return f"An unexpected error ({what}). Its traceback is in {path}; please report it."


def _silence(stream: TextIO) -> None:
    """Whoever read us has gone: nothing more is written, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
