"""`inherit = true` with real programs: a person's instructions, skills and MCP servers, and nobody's secrets."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import tomli_w

from tests.agents.model_server import ModelServer
from tests.agents.programs import AgentTown, work
from tests.e2e.towns import eventually

GREETER = Path(__file__).with_name("greeter.py")
TOKEN = "token-of-the-persons-own-server"
NEVER = "never-to-be-inherited-"
LOGINS = {"claude": "sk-ant-api03-login-of-the-home", "codex": "sk-codex-login-of-the-home"}
SKILL = "---\nname: {0}\ndescription: SKILL-OF-{0}\n---\nDo it.\n"


def set_up(person: Path) -> dict[str, bytes]:
    """What a person may have in a HOME, logins included; all of its bytes by path."""
    server = {"command": sys.executable, "args": [str(GREETER)], "env": {"GREETER_TOKEN": TOKEN}}
    local = {"type": "local", "command": [sys.executable, str(GREETER)], "environment": {"GREETER_TOKEN": TOKEN}}
    texts = {
        ".claude.json": json.dumps({"mcpServers": {"mine": server}, "primaryApiKey": f"{NEVER}1"}),
        ".claude/CLAUDE.md": "RULE-OF-CLAUDE",
        ".claude/.credentials.json": json.dumps({"claudeAiOauth": {"accessToken": f"{NEVER}2"}}),
        ".claude/settings.json": json.dumps({"env": {"ANTHROPIC_AUTH_TOKEN": f"{NEVER}3"}}),
        ".claude/skills/pdf/SKILL.md": SKILL.format("pdf"),
        ".claude/skills/pdf/.env": f"KEY={NEVER}4",
        ".codex/AGENTS.md": "RULE-OF-CODEX",
        ".codex/auth.json": json.dumps({"OPENAI_API_KEY": f"{NEVER}5"}),
        ".codex/config.toml": tomli_w.dumps({"x_bearer_token": f"{NEVER}6", "mcp_servers": {"mine": server}}),
        ".config/kilo/AGENTS.md": "RULE-OF-KILO",
        ".config/kilo/kilo.jsonc": "// mine\n"
        + json.dumps({"mcp": {"mine": local}, "provider": {"x": {"options": {"apiKey": f"{NEVER}7"}}}}),
        ".config/kilo/skills/png/SKILL.md": SKILL.format("png"),
        ".local/share/kilo/auth.json": json.dumps({"x": {"type": "api", "key": f"{NEVER}8"}}),
    }  # fmt: skip
    for name, text in texts.items():
        (person / name).parent.mkdir(parents=True, exist_ok=True)
        (person / name).write_text(text)
    (person / ".claude/skills/innocent.md").symlink_to(person / ".claude/.credentials.json")
    return files_of(person)


def files_of(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def holding(town: AgentTown, secret: str) -> set[str]:
    """All files below the home that have these bytes in them, but for the installed programs."""
    files = (path for path in town.home.rglob("*") if path.is_file() and not path.is_symlink())
    ours = (path for path in files if path.relative_to(town.home).parts[0] != "agents")
    return {str(path.relative_to(town.home)) for path in ours if secret.encode() in path.read_bytes()}


def command_lines() -> str:
    """Of all processes of the machine: anybody may read them."""
    return "\n".join(" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))


def test_a_persons_own_set_up_is_inherited_and_no_secret_goes_where_it_must_not(
    agent_town: Callable[..., AgentTown], models: ModelServer
) -> None:
    """Searched for byte by byte: in all files of the home, other polecats' HOMEs among them, and in process lists."""
    town = agent_town("claude", "codex", "kilo")
    config = town.home / "config.toml"
    text = config.read_text().replace('ANTHROPIC_API_KEY = "dummy"\n', "")
    for name in ("claude", "codex", "kilo"):
        text = text.replace(f"[agents.{name}]\n", f"[agents.{name}]\ninherit = true\n")
    config.write_text(text)
    town.down("--now")
    person = town.folder / "person"
    before = set_up(person)
    town.environment["HOME"] = str(person)
    for name, secret in LOGINS.items():
        town.ok("agent", "login", name, stdin=f"{secret}\n")
    town.up()

    gate = town.control / "go"
    waits = f"STEP shell env; until [ -e {gate} ]; do sleep 0.1; done\n"
    beads = {
        name: town.give(name, f"STEP call hello\n{waits}{work(name)}", f"Note by {name}")
        for name in ("claude", "codex", "kilo")
    }
    neighbour = town.give("works", "", "Work beside them")
    secrets = (*LOGINS.values(), TOKEN)

    def are_at_work() -> bool:
        shown = [str(town.frames(bead)) for bead in beads.values()]
        return all("until [" in text for text in shown)

    eventually(are_at_work, "all have called their person's server, and wait", 240)
    lines = command_lines()
    assert [secret for secret in secrets if secret in lines] == []
    gate.touch()
    town.landed(neighbour, *beads.values())

    for name, rule in (("claude", "RULE-OF-CLAUDE"), ("codex", "RULE-OF-CODEX"), ("kilo", "RULE-OF-KILO")):
        bodies = [str(seen.body) for seen in models.asked(f"Note by {name}")]
        assert any(rule in body for body in bodies), f"{name} has its person's instructions"
        assert any(f"Hello with {TOKEN}" in body for body in bodies), f"{name} has its person's server"
    for name, skill in (("claude", "SKILL-OF-pdf"), ("kilo", "SKILL-OF-png")):
        assert any(skill in str(seen.body) for seen in models.asked(f"Note by {name}")), (
            f"{name} has its person's skills"
        )
    told = " ".join(str(frame["data"]) for frame in town.frames(beads["claude"]))
    assert ".env is left out" in told
    assert "innocent.md is left out" in told

    town.ok("backup")
    assert holding(town, NEVER) == set(), "a login of the person's is nowhere"
    assert {name: files_of(person)[name] for name in before} == before, "the person's own files are as they were"
    for name, secret in LOGINS.items():
        found = holding(town, secret) - {f"logins/{name}.json"}
        assert {path for path in found if f"/homes/{beads[name]}/" not in path} == set(), (
            f"{name}'s login is with it alone"
        )
    ours = tuple(f"/homes/{bead}/" for bead in beads.values())
    assert {path for path in holding(town, TOKEN) if not any(own in path for own in ours)} == set()
