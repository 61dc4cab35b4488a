"""The command line and a server: finding it, asking it, and saying what went wrong."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from answering import Answering

Run = Callable[..., Any]
TIME = "2026-01-01T00:00:00.000Z"
RIG = {
    "id": "6f1c0000-0000-4000-8000-000000000000", "town_id": "t", "name": "web", "git_url": "/src/web",
    "default_branch": "main", "max_polecats": 5, "live": 2, "agent": None, "merge": "review", "landing": "squash",
    "gates": ["make test"], "status": "active", "settings": {}, "created_at": TIME,
}  # fmt: skip


def test_a_list_is_a_table_for_people_and_the_very_answer_as_json(server: Answering, run: Run) -> None:
    server.procedure("listRigs", [RIG])
    assert run("rig", "list", "--json").json == [RIG]
    lines = run("rig", "list").out.splitlines()
    assert lines[0].split() == ["rig", "status", "live", "branch", "merge", "gates", "repository"]
    assert lines[1].split() == ["web", "active", "2", "of", "5", "main", "review", "1", "/src/web"]
    assert server.asked[0].token == "the-token"


def test_inputs_that_were_not_given_are_not_sent(server: Answering, run: Run) -> None:
    server.procedure("getStatus", {"sandbox": "none", "sandbox_note": "There is no sandbox."})
    server.procedure("createRig", {**RIG, "notes": ["Git LFS files stay pointers."]})
    ran = run("rig", "add", "web", "https://example.com/web.git", "--gate", "a", "--gate", "b", "--max-polecats", "3")
    assert server.inputs("createRig") == [
        {"name": "web", "gitUrl": "https://example.com/web.git", "maxPolecats": 3, "gates": ["a", "b"]}
    ]
    assert "Git LFS files stay pointers." in ran.out
    assert "no sandbox" in ran.out


def test_a_relative_path_is_meant_from_where_the_person_stands(
    server: Answering, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "repo").mkdir()
    monkeypatch.chdir(tmp_path)
    server.procedure("getStatus", {"sandbox": "none", "sandbox_note": "There is no sandbox."})
    server.procedure("createRig", RIG)
    run("rig", "add", "a", "repo")
    run("rig", "add", "b", ".")
    run("rig", "add", "c", "git@example.com:me/web.git")
    assert [sent["gitUrl"] for sent in server.inputs("createRig")] == [
        str(tmp_path / "repo"), str(tmp_path), "git@example.com:me/web.git",
    ]  # fmt: skip


def test_settings_keep_their_kind(server: Answering, run: Run) -> None:
    server.procedure("updateRig", RIG)
    run("rig", "set", "web", "merge=direct", "max_polecats=8", "agents_may_sling=true", 'gates=["a=b"]', "agent=")
    assert server.inputs("updateRig")[0]["settings"] == {
        "merge": "direct", "max_polecats": 8, "agents_may_sling": True, "gates": ["a=b"], "agent": "",
    }  # fmt: skip
    assert run("rig", "set", "web", "merge").status == 2


def test_the_servers_words_are_the_error(server: Answering, run: Run) -> None:
    server.refusal("getRig", 404, "NOT_FOUND", "There is no rig “wob”. There are: web.")
    ran = run("rig", "show", "wob", "--json")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "boomtown: There is no rig “wob”. There are: web.\n"


def test_without_a_server_it_says_how_to_start_one(home: Path, run: Run) -> None:
    ran = run("status")
    assert ran.status == 1
    assert f"No server runs for {home}. Start it with `boomtown up`." in ran.err


def test_a_server_that_is_gone_is_no_riddle(home: Path, run: Run) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    (home / "server.json").write_text(json.dumps({"url": url, "pid": 1, "started_at": 0}))
    (home / "token").write_text("t")
    assert f"No server answers at {url}. Start it with `boomtown up`." in run("inbox").err


def test_a_stranger_on_the_port_is_recognised(server: Answering, run: Run) -> None:
    server.answers["/trpc/gastown.getInbox"] = lambda _sent: (200, b"<html>hello</html>")
    ran = run("inbox")
    assert ran.status == 1
    assert "not as a Boomtown server does" in ran.err


def test_a_wrong_token_is_said(server: Answering, run: Run) -> None:
    server.refusal("getInbox", 401, "UNAUTHORIZED", "no")
    assert "does not accept the token" in run("inbox").err


def test_the_environment_names_a_server_elsewhere(
    server: Answering, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "server.json").unlink()
    server.procedure("getInbox", [])
    monkeypatch.setenv("BOOMTOWN_URL", server.url + "/")
    monkeypatch.setenv("BOOMTOWN_TOKEN", "another")
    assert run("inbox").out == "Nothing waits for you.\n"
    assert server.asked[0].token == "another"


def test_the_token_of_this_home_is_never_sent_elsewhere(
    server: Answering, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOMTOWN_URL", server.url.replace("127.0.0.1", "localhost"))
    ran = run("inbox")
    assert ran.status == 1
    assert "BOOMTOWN_TOKEN is not set" in ran.err
    assert server.asked == []


@pytest.mark.parametrize("url", ["nonsense", "ftp://host", "http://", "http://host:port"])
def test_a_wrong_url_is_said(url: str, home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOMTOWN_URL", url)
    monkeypatch.setenv("BOOMTOWN_TOKEN", "t")
    ran = run("inbox")
    assert ran.status == 1
    assert "is not the URL of a server" in ran.err


def test_a_change_is_sent_once_even_if_its_answer_is_lost(server: Answering, run: Run) -> None:
    server.answers["/trpc/gastown.pause"] = lambda _sent: None
    ran = run("pause")
    assert ran.status == 1
    assert "See `boomtown status`" in ran.err
    assert len(server.asked) == 1


def test_pages_are_put_together(server: Answering, run: Run) -> None:
    server.procedure("listBeads", lambda sent: {"items": [{"id": sent.get("cursor", "first")}],
                                                "nextCursor": None if "cursor" in sent else "second"})  # fmt: skip
    assert run("beads", "web", "--json").json == [{"id": "first"}, {"id": "second"}]


def test_sling_sends_all_or_nothing_and_prints_results(server: Answering, run: Run, tmp_path: Path) -> None:
    bead = {"id": "0b5c8d2e-1", "title": "one", "status": "open", "type": "issue", "queue_reason": None}
    server.procedure("sling", {"results": [{"bead": bead, "agent": None, "state": "queued",
                                            "queueReason": "cap", "queuePosition": 1}]})  # fmt: skip
    ran = run("sling", "web", "one", "--body", "b", "--after", "x", "--timeout", "60", "--key", "k", "--hold", "--json")
    assert ran.json == {
        "results": [{"bead": bead, "agent": None, "state": "queued", "queue_reason": "cap", "queue_position": 1}]
    }
    assert server.inputs("sling") == [
        {
            "rigId": "web",
            "tasks": [{"title": "one", "body": "b", "timeoutS": 60.0, "dependsOn": ["x"]}],
            "idempotencyKey": "k",
            "hold": True,
        }
    ]


def test_options_hold_for_the_lines_of_a_file_that_say_nothing_else(
    server: Answering, run: Run, tmp_path: Path
) -> None:
    server.procedure("sling", {"results": []})
    file = tmp_path / "tasks.jsonl"
    file.write_text('{"title": "a", "priority": "low"}\n{"title": "b", "depends_on": [0]}\n')
    run("sling", "web", "first", "--file", str(file), "--priority", "high")
    assert server.inputs("sling")[0]["tasks"] == [
        {"title": "first", "priority": "high", "dependsOn": []},
        {"title": "a", "priority": "low", "dependsOn": []},
        {"title": "b", "priority": "high", "dependsOn": [1]},
    ]


def test_a_bad_line_sends_nothing(server: Answering, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text('{"title": "a"}\n{"title": }\n')
    ran = run("sling", "web", "--file", str(file))
    assert ran.status == 1
    assert f"{file}, line 2: not JSON" in ran.err
    assert server.asked == []


def test_a_missing_file_is_said(server: Answering, run: Run) -> None:
    assert "No such file" in run("sling", "web", "--file", "/nowhere").err
    assert server.asked == []


def test_following_a_log_goes_on_where_it_was_and_ends_with_the_run(server: Answering, run: Run) -> None:
    def frame(seq: int) -> dict:
        return {"agentId": "a", "runId": "r", "seq": seq, "at": TIME, "kind": "stdout", "data": f"line {seq}"}

    def stream(sent: dict) -> dict:
        since = sent.get("since") or 0
        found = [frame(seq) for seq in range(since + 1, min(since + 2, 4))]
        return {"runId": "r", "agentId": "a", "frames": found, "nextSince": since + len(found), "ended": True}

    server.procedure("getStream", stream)
    assert run("log", "Toast", "--follow").out == "line 1\nline 2\nline 3\n"
    assert run("log", "Toast", "--since", "1").out == "line 2\nline 3\n"
    documents = run("log", "Toast", "--json").json
    assert [document["seq"] for document in documents] == [1, 2, 3]
    assert set(documents[0]) == {"agent_id", "run_id", "seq", "at", "kind", "data"}


def test_something_unexpected_leaves_no_traceback_but_a_file(server: Answering, run: Run, home: Path) -> None:
    server.procedure("getInbox", [{"nothing": "as it should be"}])
    ran = run("inbox")
    assert ran.status == 1
    assert str(home / "cli.log") in ran.err
    assert "KeyError" in (home / "cli.log").read_text()
    assert (home / "cli.log").stat().st_mode & 0o077 == 0
