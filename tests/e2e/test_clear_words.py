"""Whatever goes wrong: one clear line, the right exit status, nothing changed."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from towns import Town, git

NewTown = Callable[..., Town]


def test_a_second_up_names_the_url(quiet: Town) -> None:
    assert quiet.url in quiet.fails("up", "--detach")
    assert quiet.url in quiet.fails("up")


def test_a_taken_port_is_said(new_town: NewTown) -> None:
    town = new_town()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for words in (["up", "--detach", "--port", port], ["up", "--port", port]):
            error = town.fails(*words)
            assert f"Port {port} on 127.0.0.1 is taken" in error
            assert "--port" in error
    assert town.processes() == []


def test_the_port_is_kept(town: Town) -> None:
    url = town.url
    town.down()
    town.up()
    assert town.url == url


def test_down_without_a_server(new_town: NewTown) -> None:
    assert "nothing to stop" in new_town().fails("down")


def test_every_command_without_a_server_says_how_to_start_one(new_town: NewTown) -> None:
    town = new_town()
    for words in (["status"], ["beads", "web"], ["sling", "web", "x"], ["restart"], ["log", "Toast", "--follow"]):
        assert "Start it with `boomtown up`" in town.fails(*words)


@pytest.mark.parametrize("words", [["up"], ["up", "--detach"], ["agent", "list"]])
def test_a_corrupt_config_is_named_with_line_and_key(words: list[str], new_town: NewTown) -> None:
    town = new_town()
    (town.home / "config.toml").write_text("\nmax_agents = 'many'\n")
    error = town.fails(*words)
    assert "config.toml, line 2: max_agents" in error
    assert town.processes() == []


def test_restart_with_a_corrupt_config_leaves_the_server_alone(town: Town) -> None:
    pid = town.server_pid
    (town.home / "config.toml").write_text("x = \n")
    assert "line 1" in town.fails("restart")
    assert town.server_pid == pid
    town.ok("status")


def with_git(town: Town, script: str | None) -> dict[str, str]:
    """An environment whose git is a script, or missing."""
    folder = town.folder / "path"
    folder.mkdir()
    if script:
        (folder / "git").write_text(script)
        (folder / "git").chmod(0o755)
    return town.environment | {"PATH": str(folder)}


def test_a_missing_git_is_said(new_town: NewTown) -> None:
    town = new_town()
    ran = town.run("up", "--detach", environment=with_git(town, None))
    assert (ran.status, "Install git 2.38 or newer" in ran.err) == (1, True)


def test_an_old_git_is_said(new_town: NewTown) -> None:
    town = new_town()
    ran = town.run("up", "--detach", environment=with_git(town, "#!/bin/sh\necho git version 2.30.2\n"))
    assert ran.status == 1
    assert "git is 2.30; Boomtown needs 2.38 or newer" in ran.err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_another_host_needs_to_be_meant(host: str, new_town: NewTown) -> None:
    error = new_town().fails("up", "--host", host, status=2)
    assert "other machines" in error
    assert "--allow-remote" in error


def test_a_meant_host_is_said_too(new_town: NewTown) -> None:
    town = new_town()
    ran = town.run("up", "--detach", "--port", "0", "--host", "0.0.0.0", "--allow-remote")
    assert ran.status == 0
    assert "other machines" in ran.err
    town.ok("restart")
    assert json.loads((town.home / "server.json").read_text())["host"] == "0.0.0.0"
    town.ok("status")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("/no/such/repository", "/no/such/repository"),
        ("https://127.0.0.1:9/nothing.git", "127.0.0.1"),
        ("ext::sh -c 'touch /tmp/owned'", "refused"),
        ("--upload-pack=touch", "refused"),
    ],
)
def test_a_repository_that_can_not_be_used(url: str, says: str, quiet: Town) -> None:
    assert says in quiet.fails("rig", "add", "other", "--", url)
    assert not (quiet.home / "rigs" / "other").exists()
    assert not Path("/tmp/owned").exists()


def test_no_permission_to_push_is_said_at_once(quiet: Town) -> None:
    """A web server that only hands out files is a remote that can be fetched from and not pushed to."""
    origin = quiet.repository("readable")
    git(origin, "update-server-info")
    files = partial(QuietFiles, directory=str(origin))
    with ThreadingHTTPServer(("127.0.0.1", 0), files) as web:
        thread = threading.Thread(target=web.serve_forever, args=(0.02,))
        thread.start()
        try:
            error = quiet.fails("rig", "add", "other", f"http://127.0.0.1:{web.server_address[1]}/")
        finally:
            web.shutdown()
            thread.join()
    assert "push" in error
    assert not (quiet.home / "rigs" / "other").exists()


class QuietFiles(SimpleHTTPRequestHandler):
    """Hands out files and says nothing about it."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""


def test_a_name_that_is_taken_or_no_name(quiet: Town) -> None:
    origin = str(quiet.folder / "web.git")
    assert "Choose another name" in quiet.fails("rig", "add", "WEB", origin)
    for name in ("-x", "a b", "a/b", "..", "x" * 65, ""):
        assert "can't be a rig's name" in quiet.fails("rig", "add", "--", name, origin)


def test_titles_that_are_none(quiet: Town) -> None:
    assert "title" in quiet.fails("sling", "web", "", "--agent", "quick")
    assert "title" in quiet.fails("sling", "web", "fine", "   ", "--agent", "quick")
    assert "10000" in quiet.fails("sling", "web", "x" * 10_000, "--agent", "quick").replace(",", "")
    quiet.fails("sling", "web", status=2)


def test_an_agent_that_is_none(quiet: Town) -> None:
    assert "There is no agent “nobody”" in quiet.fails("sling", "web", "x", "--agent", "nobody")
    assert "`boomtown agent install qwen`" in quiet.fails("sling", "web", "x", "--agent", "qwen")
    assert "--agent" in quiet.fails("sling", "web", "x")


def test_an_ambiguous_beginning_lists_the_candidates(town: Town) -> None:
    town.rig("web")
    town.rig("api")
    for rig in ("web", "api"):
        town.sling("waits", "Wait", rig=rig)
    error = town.fails("bead", "show", "Toast")
    assert "web/Toast" in error
    assert "api/Toast" in error
    assert "api/Toast" in town.fails("path", "to")
    bead = town.ask("bead", "show", "api/Toast")
    assert bead["title"] == "Wait"
    assert town.ask("bead", "show", "api/to")["id"] == bead["id"]
    assert town.ask("bead", "show", bead["id"][:35])["id"] == bead["id"]
    assert town.ask("rig", "show", "A")["name"] == "api"
    assert "There is no bead" in town.fails("bead", "show", "")


def test_wrong_moves_are_conflicts(town: Town) -> None:
    town.rig()
    bead = town.sling("quick", "Quick")[0]
    town.wait_for(bead, status="closed")
    for words in (["bead", "start"], ["bead", "retry"], ["bead", "cancel"], ["approve"]):
        assert "is closed" in town.fails(*words, bead), words
    assert "has landed" in town.fails("discard", bead)
    assert "it closes when it lands" in town.fails("bead", "close", bead)
    assert "is closed" in town.fails("rework", bead, "-m", "again")


def test_json_is_one_document_and_nothing_else(town: Town) -> None:
    town.rig("web", "--merge", "review")
    bead = town.sling("quick", "Quick")[0]
    town.wait_for(bead, status="in_review", merge="approval")
    for words in (
        ["status"], ["inbox"], ["rig", "list"], ["rig", "show", "web"], ["rig", "check", "web"], ["beads", "web"],
        ["bead", "show", bead], ["polecats"], ["agent", "list"], ["log", bead], ["events", "web"], ["merges", "web"],
        ["pause"], ["resume"], ["diff", bead],
    ):  # fmt: skip
        ran = town.run(*words, "--json")
        assert ran.err == "", words
        json.loads(ran.out)
    status = town.ask("status")
    assert (status["server"]["pid"], status["container"]["pid"]) == (town.server_pid, town.container_pid)
    assert set(town.bead(bead)) >= {
        "id", "bead_id", "rig_id", "parent_bead_id", "type", "status", "title", "body", "priority", "labels",
        "metadata", "agent_kind", "model", "branch", "assignee", "assignee_agent_bead_id", "created_by", "attempts",
        "attempt_log", "last_error", "queue_reason", "queue_position", "blocked_by", "not_before", "created_at",
        "updated_at", "closed_at",
    }  # fmt: skip


def test_the_home_is_private_and_secrets_are_shown_nowhere(town: Town) -> None:
    town.rig()
    bead = town.sling("tells", "Tell me")[0]
    env = dict(line.split("=", 1) for line in town.said(f"env.{bead}").splitlines() if "=" in line)
    town.go()
    town.wait_for(bead, status="closed")
    assert town.home.stat().st_mode & 0o077 == 0
    for name in ("token", "jwt.key", "town.db", "server.log"):
        assert (town.home / name).stat().st_mode & 0o077 == 0, name
    shown = "".join(
        town.ok(*words).out
        for words in (["status", "--json"], ["events", "web", "--json"], ["bead", "show", bead, "--json"])
    )
    logs = "".join(path.read_text(errors="replace") for path in town.home.glob("*.log"))
    commands = "".join(" ".join(process.cmdline()) for process in town.processes())
    for secret in ((town.home / "token").read_text().strip(), env["GASTOWN_SESSION_TOKEN"]):
        assert secret not in shown + logs + commands


def test_an_empty_repository_and_another_default_branch(town: Town) -> None:
    empty = town.folder / "empty.git"
    git(town.folder, "init", "--quiet", "--bare", "--initial-branch=trunk", str(empty))
    assert "no sandbox" in town.ok("rig", "add", "empty", str(empty), "--merge", "direct").out
    assert "no sandbox" in town.ok("status").out
    bead = town.sling("quick", "First ever", rig="empty")[0]
    town.wait_for(bead, status="closed")
    assert f"{bead}.txt" in git(empty, "ls-tree", "--name-only", "trunk")
    named = town.rig("named", origin=town.repository("named", branch="développement"))
    bead = town.sling("quick", "On its own branch", rig="named")[0]
    town.wait_for(bead, status="closed")
    assert f"{bead}.txt" in git(named, "ls-tree", "--name-only", "développement")
