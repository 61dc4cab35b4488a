"""What a person's own set-up of a program comes to: MCP servers as data, files by name, never a login."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from boomtown.domain.errors import BadInputError
from boomtown.home.agents import plan
from boomtown.home.config import parse
from boomtown.home.inheriting import Inherited, inherited, parse_json
from boomtown.home.paths import Home
from boomtown.home.presets import PRESETS


def of(name: str, person: Path, **environ: str) -> Inherited:
    known = PRESETS[name].inherits
    assert known is not None
    return inherited(known, {"HOME": str(person), **environ})


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_every_preset_says_what_it_inherits() -> None:
    assert all(preset.inherits for preset in PRESETS.values())


def test_servers_of_kilo_come_from_all_of_its_files_with_comments_and_last_commas(tmp_path: Path) -> None:
    folder = tmp_path / ".config/kilo"
    put(folder / "kilo.json", '{"mcp": {"a": {"url": "http://old"}, "b": {"url": "http://b//c"}}}')
    put(folder / "kilo.jsonc", '{// mine\n"mcp": {"a": {"url": "http://new", /* , */ "enabled": true,},},}')
    found = of("kilo", tmp_path)
    assert found.servers == {"a": {"url": "http://new", "enabled": True}, "b": {"url": "http://b//c"}}
    assert found.notes == ()


def test_a_text_that_looks_like_a_comment_stays() -> None:
    assert parse_json(r'{"a": "x // y, } \" /*", }') == {"a": 'x // y, } " /*'}


def test_files_are_named_by_allow_list_and_follow_the_variables_of_the_program(tmp_path: Path) -> None:
    for name in ("AGENTS.md", "auth.json", "prompts/a.md", "history.jsonl", "config.toml"):
        put(tmp_path / "elsewhere" / name, "")
    found = of("codex", tmp_path, CODEX_HOME=str(tmp_path / "elsewhere"))
    assert [(Path(gift.source).name, gift.target) for gift in found.gifts] == [
        ("AGENTS.md", ".codex/AGENTS.md"),
        ("prompts", ".codex/prompts"),
    ]
    assert of("codex", tmp_path).gifts == ()


def test_claude_finds_its_servers_where_its_variable_leads(tmp_path: Path) -> None:
    put(tmp_path / ".claude.json", '{"mcpServers": {"home": {"command": "a"}}, "oauthAccount": {}}')
    put(tmp_path / "own" / ".claude.json", '{"mcpServers": {"own": {"command": "b"}}}')
    assert of("claude", tmp_path).servers == {"home": {"command": "a"}}
    assert of("claude", tmp_path, CLAUDE_CONFIG_DIR=str(tmp_path / "own")).servers == {"own": {"command": "b"}}


def test_a_server_gets_its_own_variables_but_none_that_log_an_agent_in(tmp_path: Path) -> None:
    server = {
        "command": "issues", "oauth": {"clientSecret": "never-this-one"},
        "env": {"ISSUES_TOKEN": "token-of-the-server", "ANTHROPIC_API_KEY": "sk-ant-never", "LEVEL": "informative"},
    }  # fmt: skip
    put(tmp_path / ".gemini/settings.json", json.dumps({"mcpServers": {"issues": server}}))
    found = of("gemini", tmp_path)
    assert found.servers["issues"] == {
        "command": "issues",
        "env": {"ISSUES_TOKEN": "token-of-the-server", "LEVEL": "informative"},
    }
    assert found.secrets == ("token-of-the-server",)
    assert len(found.notes) == 1
    assert "does not get ANTHROPIC_API_KEY" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "can't be read"),
        ("[1]", "must be a table"),
        ('{"mcpServers": 7}', "must be a table"),
        ('{"mcpServers": {"x": "y"}}', "“x” is left out: it must be a table"),
        ('{"mcpServers": {"boomtown": {}}}', "the town's own tools have that name"),
        ("[" * 100_000, "can't be read"),
    ],
)
def test_what_can_not_be_used_is_left_out_and_said(tmp_path: Path, text: str, says: str) -> None:
    put(tmp_path / ".qwen/settings.json", text)
    found = of("qwen", tmp_path)
    assert found.servers == {}
    assert [says in note for note in found.notes] == [True]


def test_bytes_that_are_no_text_and_a_folder_in_the_place_of_a_file_do_no_harm(tmp_path: Path) -> None:
    put(tmp_path / ".codex/config.toml", "").write_bytes(b"\xff\xfe\x00")
    assert "can't be read" in of("codex", tmp_path).notes[0]
    (tmp_path / ".qwen/settings.json").mkdir(parents=True)
    assert of("qwen", tmp_path) == Inherited()


def test_only_what_is_asked_for_is_inherited_and_it_stands_beside_what_the_home_says(tmp_path: Path) -> None:
    put(tmp_path / ".codex/config.toml", 'model = "not-this"\n[mcp_servers.mine]\ncommand = "a"\n')
    put(tmp_path / ".claude.json", '{"mcpServers": {"mine": {"command": "a"}}, "oauthAccount": "not-this"}')
    home = Home(tmp_path / "home")
    for name in ("codex", "claude"):
        settings = f'[agents.{name}]\nkind = "acp"\ncommand = ["x"]\n'
        for inherits in (False, True):
            agent = parse(settings + ("inherit = true\n" if inherits else "")).pick_agent(name)
            made = plan(agent, home, None, None, environ={"HOME": str(tmp_path)})
            text = made.files[".codex/config.toml"] if name == "codex" else made.first_files[".claude.json"]
            config = tomllib.loads(text) if name == "codex" else json.loads(text)
            found = config.get("mcp_servers" if name == "codex" else "mcpServers", {})
            assert found == ({"mine": {"command": "a"}} if inherits else {})
            assert "not-this" not in text


def test_a_program_of_which_nothing_is_known_can_not_inherit() -> None:
    with pytest.raises(BadInputError, match="inherit can't be true"):
        parse('[agents.mine]\ncommand = ["x"]\ninherit = true\n')
