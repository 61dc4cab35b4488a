"""Named steps at which a crash drill (`make drill`) may hold a process; nothing at all in a town that serves."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

FOLDER = "BOOMTOWN_DRILL"
"""The environment variable that names the folder in which a drill says what is to happen."""


def _go_on(moment: str, *subjects: str) -> None:
    pass


class _Held:
    """Who comes to a step that has a file in the folder takes the file away, so that only one does, and stands still.

    The file `MOMENT SUBJECT.PID` says who that was; the drill kills the process or lets it go on (SIGCONT).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, moment: str, *subjects: str) -> None:
        for name in [f"{moment} {subject}" for subject in subjects] or [moment]:
            with contextlib.suppress(FileNotFoundError):
                (self._folder / name).rename(self._folder / f"{name}.{os.getpid()}")
                os.kill(os.getpid(), signal.SIGSTOP)


def steps(environ: Mapping[str, str]) -> Callable[..., None]:
    """What `reach` does in a process with this environment."""
    return _Held(Path(environ[FOLDER])) if FOLDER in environ else _go_on


reach = steps(os.environ)
"""`reach(moment, *subjects)`: the process has come to a step, for instance `reach("storing", "run.claimed")`."""


def pretended_sleep_s() -> float:
    """How long the drill says that the machine was suspended (its file `asleep`)."""
    if FOLDER in os.environ:
        with contextlib.suppress(FileNotFoundError):
            return float((Path(os.environ[FOLDER]) / "asleep").read_text())
    return 0.0
