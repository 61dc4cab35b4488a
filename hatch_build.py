"""Puts the dashboard into the wheel: what `make web` built, else it is built now, else the wheel is refused."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Dashboard(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        root = Path(self.root)
        built = root / "src" / "boomtown" / "api" / "static" / "index.html"
        if version == "editable" or built.is_file():
            return
        if shutil.which("npm") is None:
            raise RuntimeError("The dashboard is not built, and there is no npm to build it. Run `make web` first.")
        for words in (("ci", "--no-audit", "--no-fund"), ("run", "build")):
            subprocess.run(["npm", *words], cwd=root / "web", check=True)
