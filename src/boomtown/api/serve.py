"""The server process: takes the home's lock and port, opens the town, answers, and takes everything down in order."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from boomtown import __version__
from boomtown.api import logs
from boomtown.api.app import App
from boomtown.api.auth import People
from boomtown.api.http import Http
from boomtown.api.listening import check_host, listen, url_of
from boomtown.api.telemetry import exporting
from boomtown.container.local import LocalContainer
from boomtown.container.sandbox import in_words, probe
from boomtown.container.settings import Settings as ContainerSettings
from boomtown.domain.errors import BoomtownError, ConflictError
from boomtown.home import agents, config, upkeep
from boomtown.home.clock import LoopScheduler, SystemClock, new_id
from boomtown.home.machine import read_memory
from boomtown.home.paths import Home
from boomtown.home.person import git_person
from boomtown.home.times import iso
from boomtown.rig.compose import BACKUP_EVERY_S, TownRuntime, open_database
from boomtown.rig.dispatch import Author

log = structlog.get_logger()

SWITCH_S = 0.0005


@dataclass(frozen=True)
class Options:
    """Where to listen. `port` None: the kept one, else 8030; 0: any free one."""

    host: str = "127.0.0.1"
    port: int | None = None
    allow_remote: bool = False


def announce(url: str, login: str) -> None:
    """Tell the person at the terminal."""
    print(f"Boomtown is up: {url}\nThis link logs a browser in, once, within ten minutes: {login}", flush=True)


def run(
    home: Home | None = None,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    allow_remote: bool = False,
    log_file: Path | None = None,
    on_ready: Callable[[str, str], None] = announce,
) -> int:
    """Serve a home (default: that of the environment) until SIGTERM, SIGINT or `gastown.shutdown`; returns 0.

    `on_ready` gets the URL, and a link that logs a browser in, once it answers. Raises `BoomtownError` with the cure if
    it can't start.
    """
    home = home or Home.from_env()
    check_host(host, allow_remote=allow_remote)
    home.create()
    path = os.environ.get("PATH")
    settings = replace(config.load(home.config), is_usable=lambda agent: agents.problem(agent, home, path) is None)
    logs.configure(log_file)
    with only_server(home):
        _share_the_interpreter()
        asyncio.run(_serve(home, settings, Options(host, port, allow_remote), on_ready))
    return 0


def _share_the_interpreter() -> None:
    """Threads pass it on often: a reader or the writer gives it away at each row that the database finds.

    With Python's own interval of 5 ms one statement could wait for a tenth of a second beside a busy thread. What is
    loaded by now stays for ever, and need not be looked through for garbage.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()


@contextmanager
def only_server(home: Home, *, keep_card: bool = False) -> Iterator[None]:
    """Hold the home's lock; `keep_card` leaves the `server.json` of a server that is gone.

    Raises `ConflictError` with the other server's URL.
    """
    with home.server_lock.open("a", encoding="ascii") as lock:
        home.server_lock.chmod(0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(_runs_already(home), code="ALREADY_UP") from None
        if not keep_card:
            home.server_json.unlink(missing_ok=True)
        yield


def _runs_already(home: Home) -> str:
    try:
        url = json.loads(home.server_json.read_text(encoding="utf-8"))["url"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"A server of {home.root} is just starting or ending. Try again in a moment."
    return f"A server runs already: {url} (home {home.root}). `boomtown down` stops it."


class Stop:
    """The wish to end: gently, at once, or leaving the container alone. A second wish is for at once."""

    def __init__(self) -> None:
        self.wanted = asyncio.Event()
        self.hurried = asyncio.Event()
        self.keep_container = False

    def ask(self, now: bool, keep_container: bool) -> None:
        """End; `now` skips the agents' grace, `keep_container` leaves them alone."""
        if now or self.wanted.is_set():
            self.hurried.set()
        else:
            self.keep_container = keep_container
        self.wanted.set()

    def on_signals(self) -> None:
        """SIGINT, SIGTERM and a closed terminal mean `down`."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.ask, False, False)


async def _serve(home: Home, settings: config.Settings, options: Options, on_ready: Callable[[str, str], None]) -> None:
    stop = Stop()
    stop.on_signals()
    async with AsyncExitStack() as closing:
        scheduler, clock = LoopScheduler(), SystemClock()
        closing.push_async_callback(scheduler.close)
        home_id = home_id_of(home)
        database = open_database(home, scheduler, home_id, clock, new_id)
        for_container = replace(ContainerSettings.from_env(), orphan_after_s=settings.orphan_after_s)
        silence_s = settings.silence_after_s
        container = LocalContainer(home, home_id, settings=for_container, silence_after_s=silence_s)
        runtime = TownRuntime(home, settings, container, clock, scheduler, new_id, stop.ask, database)
        runtime.engine.observed.memory = read_memory
        if settings.author == "me":
            runtime.dispatch.person = Author(*git_person())
        closing.push_async_callback(runtime.close)
        closing.push_async_callback(container.close)
        agents_live = bool(await runtime.town.live_runs())
        listening = closing.enter_context(listen(home, options.host, options.port, agents_live=agents_live))
        url = url_of(listening)
        upkeep.write_commands(home)
        scheduler.spawn(_keep_tidy(runtime), name="tidy")
        scheduler.spawn(_keep_backed_up(runtime), name="back up")
        app = App(home, runtime, People(home, clock, runtime.town), allow_remote=options.allow_remote)
        await runtime.start(url)
        if (telemetry := exporting(runtime.town, os.environ)) is not None:
            runtime.engine.on_command = telemetry.commanded
            scheduler.spawn(telemetry.follow(), name="telemetry")
            closing.push_async_callback(telemetry.close)
        await container.open()
        await _answer(home, app, listening, url, on_ready, runtime, stop)


async def _keep_tidy(runtime: TownRuntime) -> None:
    """At the start, and then once a day."""
    while True:
        try:
            await runtime.tidy()
        except Exception:
            log.exception("tidy.failed")
        await asyncio.sleep(86_400)


async def _keep_backed_up(runtime: TownRuntime) -> None:
    """Every 15 minutes in which something was stored; the first time 15 minutes after the home was made."""
    pause_s = 0.0
    while True:
        try:
            pause_s = await runtime.back_up_if_due()
        except Exception:
            log.exception("backup.failed")
            pause_s = BACKUP_EVERY_S
        await asyncio.sleep(pause_s)


async def _answer(
    home: Home,
    app: App,
    listening: socket.socket,
    url: str,
    on_ready: Callable[[str, str], None],
    runtime: TownRuntime,
    stop: Stop,
) -> None:
    """Answer requests until somebody wants an end; then take down what shall not go on, and end."""
    http = Http(app)
    serving = asyncio.create_task(http.serve([listening]), name="http")
    await asyncio.wait({serving, up := asyncio.create_task(http.up.wait())}, return_when=asyncio.FIRST_COMPLETED)
    up.cancel()
    if serving.done():
        serving.result()
        return
    _write(home.port, url.rpartition(":")[2])
    card = {"url": url, "host": listening.getsockname()[0], "pid": os.getpid(), "started_at": iso(SystemClock().now())}
    _write(home.server_json, json.dumps(card))
    log.info("server.up", url=url, version=__version__, pid=os.getpid())
    on_ready(url, url + app.login_path())
    sandbox, note = in_words(runtime.engine.settings.sandbox, probe())
    log.info("server.sandbox", sandbox=sandbox, note=note)
    try:
        await stop.wanted.wait()
        log.info("server.ending", now=stop.hurried.is_set(), keep_container=stop.keep_container)
        if not stop.keep_container:
            await _stop_agents(runtime, stop)
    finally:
        http.end()
        await serving
        home.server_json.unlink(missing_ok=True)
        log.info("server.ended")


async def _stop_agents(runtime: TownRuntime, stop: Stop) -> None:
    """With their grace, unless somebody is in a hurry; then the container, which holds nothing any more."""
    gently = asyncio.create_task(runtime.stop_agents(now=stop.hurried.is_set()))
    hurry = asyncio.create_task(stop.hurried.wait())
    await asyncio.wait({gently, hurry}, return_when=asyncio.FIRST_COMPLETED)
    hurry.cancel()
    if not gently.done():
        gently.cancel()
        await asyncio.wait({gently})
        await runtime.stop_agents(now=True)
    elif (error := gently.exception()) is not None:
        log.error("down.failed", exc_info=error)
    await runtime.stop_container()


def home_id_of(home: Home) -> str:
    """The random id that marks every process of this home; made at the first start."""
    try:
        with open(home.home_id, "x", encoding="ascii", opener=_private) as file:
            file.write(new_id())
    except FileExistsError:
        pass
    return home.home_id.read_text(encoding="ascii").strip()


def _write(path: Path, text: str) -> None:
    """Replace a small file, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(draft, "w", encoding="utf-8", opener=_private) as file:
        file.write(text + "\n")
    draft.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def main() -> int:
    parser = argparse.ArgumentParser("boomtown.api.serve", description="Serve the home of $BOOMTOWN_HOME.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, help="0 picks a free one; default: the last one, else 8030")
    parser.add_argument("--allow-remote", action="store_true")
    parser.add_argument("--log-file", type=Path)
    args = parser.parse_args()
    try:
        return run(host=args.host, port=args.port, allow_remote=args.allow_remote, log_file=args.log_file)
    except BoomtownError as error:
        print(f"boomtown: {error.message}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
