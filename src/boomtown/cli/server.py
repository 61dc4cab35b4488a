"""`boomtown up`, `down` and `restart`: the life of a home's server and container."""

from __future__ import annotations

import ipaddress
import sys
from argparse import Namespace
from urllib.parse import urlsplit

from boomtown.cli import launch
from boomtown.cli.client import Client, Server, server_of
from boomtown.cli.output import Output
from boomtown.cli.parsing import UsageError
from boomtown.domain.errors import ConflictError, UnavailableError
from boomtown.home.config import load
from boomtown.home.paths import Home

DOWN_S = 120.0
"""Graces, commits of work in progress and the removal of worktrees are over by then."""


def up(args: Namespace, out: Output) -> int:
    """Start the town, here or in the background."""
    home = Home.from_env()
    if args.port is not None and not 0 <= args.port <= 65_535:
        raise UsageError(f"--port {args.port} is no port. Use 1 to 65535, or 0 for a free one.")
    _check_host(args.host, args.allow_remote)
    load(home.config)
    launch.check_git()
    if (url := launch.running(home)) is not None:
        raise ConflictError(f"A server runs already: {url} (home {home.root}). `boomtown down` stops it.")
    if not args.detach:
        return _foreground(home, args)
    options = ["--host", args.host]
    options += [] if args.port is None else ["--port", str(args.port)]
    options += ["--allow-remote"] if args.allow_remote else []
    started = launch.start_detached(home, options)
    sentences = [
        started["url"],
        f"This link logs a browser in, once, within ten minutes: {started['login']}",
        f"Sandbox: {started['sandbox']}. {started['sandbox_note']}",
        f"It runs in the background, pid {started['pid']}. `boomtown down` stops it.",
    ]
    out.say(started, "\n".join(sentences))
    return 0


def _check_host(host: str, allow_remote: bool) -> None:
    """Loopback is the default; anything else is said and must be meant."""
    if is_loopback(host):
        return
    meaning = (
        f"--host {host} lets other machines reach this server. Whoever has the token can then run commands "
        "as you here, and the token travels unencrypted."
    )
    if not allow_remote:
        raise UsageError(f"{meaning} If you want that, add --allow-remote; an SSH tunnel to 127.0.0.1 is safer.")
    print(f"boomtown: {meaning}", file=sys.stderr)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _foreground(home: Home, args: Namespace) -> int:
    from boomtown.api.serve import run

    home.create()
    log = launch.server_log(home)
    return run(home, host=args.host, port=args.port, allow_remote=args.allow_remote, log_file=log)


def down(args: Namespace, out: Output) -> None:
    """Stop agents, keep their work, then end server and container."""
    home = Home.from_env()
    pids = pids_of(home)
    if not pids:
        raise UnavailableError(f"No server runs for {home.root}: there is nothing to stop.")
    server = server_of(home)
    if server is None or launch.running(home) is None:
        raise UnavailableError(
            f"The server of {home.root} is gone, but its container (pid {pids[-1]}) and agents still run. "
            "`boomtown up` takes them over; then `boomtown down` stops them."
        )
    end(home, server, pids, now=args.now)
    out.say({"stopped": pids}, "Stopped. Unfinished beads go on at the next `boomtown up`.")


def end(home: Home, server: Server, pids: list[int], *, now: bool) -> None:
    """Have a server end with its container, and wait for that. Raises `UnavailableError` if they don't."""
    Client(server).mutate("shutdown", now=now or None)
    for pid in pids:
        if not launch.wait_for_end(pid, DOWN_S):
            raise UnavailableError(f"Process {pid} still runs after {DOWN_S:.0f} s. See {launch.server_log(home)}.")


def pids_of(home: Home) -> list[int]:
    found = (launch.pid_of(path) for path in (home.server_json, home.container_json))
    return [pid for pid in found if pid is not None]


def restart(_args: Namespace, out: Output) -> None:
    """Replace the server; container and agents go on, and wait for it."""
    home = Home.from_env()
    server, pid = server_of(home), launch.pid_of(home.server_json)
    if server is None or pid is None:
        raise UnavailableError(f"No server runs for {home.root}. Start it with `boomtown up`.")
    load(home.config)
    launch.check_git()
    port, host = urlsplit(server.url).port, launch.host_of(home)
    Client(server).mutate("shutdown", keepContainer=True)
    if not launch.wait_for_end(pid, DOWN_S):
        raise UnavailableError(f"The old server, pid {pid}, still runs after {DOWN_S:.0f} s. Nothing was started.")
    remote = [] if is_loopback(host) else ["--allow-remote"]
    started = launch.start_detached(home, ["--host", host, "--port", str(port), *remote])
    out.say(started, f"{started['url']}\nThe new server runs in the background, pid {started['pid']}.")
