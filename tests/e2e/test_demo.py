"""The demo: a whole town, landed, and nothing left; also when it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil
import pytest
from towns import COMMAND, eventually


@pytest.fixture
def elsewhere() -> Path:
    """A folder of temporary files of its own, to see what is left in it."""
    return Path(tempfile.mkdtemp(prefix="bt-demo-"))


def left(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("TMPDIR", "").startswith(str(folder)):
                found.append(process)
        except psutil.Error:
            continue
    return found


def start(folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "TMPDIR": str(folder), "BOOMTOWN_URL": "http://127.0.0.1:1", "HOME": str(folder)}
    return subprocess.Popen(
        [str(COMMAND), "demo"],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_the_demo_lands_its_beads_and_leaves_nothing(elsewhere: Path) -> None:
    process = start(elsewhere)
    out, err = process.communicate(timeout=150)
    assert process.returncode == 0, err + out
    assert err == ""
    assert "All 8 closed." in out
    assert "Toast (polecat)" in out
    assert "stand in for models" in out
    assert left(elsewhere) == []
    assert list(elsewhere.iterdir()) == []


def test_an_interrupted_demo_cleans_up_too(elsewhere: Path) -> None:
    process = start(elsewhere)
    assert process.stdout is not None
    while "is working" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 130
    assert "Traceback" not in err
    eventually(lambda: left(elsewhere) == [], "nothing is left running", 10)
    assert list(elsewhere.iterdir()) == []
