"""Logins of the home: what is taken, how it is kept, what a run gets of it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from boomtown.domain.errors import BadInputError
from boomtown.home import logins
from boomtown.home.agents import plan
from boomtown.home.config import AgentSettings, parse
from boomtown.home.paths import Home

KEY = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz"


def preset(name: str) -> AgentSettings:
    return AgentSettings(name, kind="acp", preset=name)


def test_a_key_is_kept_privately_and_shown_masked(tmp_path: Path) -> None:
    home = Home(tmp_path)
    made = logins.store(home, preset("claude"), f" {KEY}\n", None, 7.0)
    path = tmp_path / "logins" / "claude.json"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert made.masked == "sk-ant…wxyz"
    assert logins.find(home, preset("claude")) == made
    assert logins.variables(home, preset("claude")) == {"ANTHROPIC_API_KEY": KEY}
    assert logins.remove(home, "claude")
    assert not logins.remove(home, "claude")
    assert logins.variables(home, preset("claude")) == {}


def test_a_long_lived_token_goes_into_a_variable_of_its_own(tmp_path: Path) -> None:
    home = Home(tmp_path)
    logins.store(home, preset("claude"), "sk-ant-oat01-token", None, 0.0)
    assert logins.variables(home, preset("claude")) == {"CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-token"}


def test_kilo_gets_the_key_of_a_provider(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(BadInputError, match="--provider"):
        logins.store(home, preset("kilo"), KEY, None, 0.0)
    logins.store(home, preset("kilo"), KEY, "anthropic", 0.0)
    given = logins.variables(home, preset("kilo"))
    assert json.loads(given["KILO_AUTH_CONTENT"]) == {"anthropic": {"type": "api", "key": KEY}}
    with pytest.raises(BadInputError, match="leave --provider out"):
        logins.store(home, preset("codex"), KEY, "openai", 0.0)


def test_a_login_file_that_its_program_refreshes_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="login file, not a key"):
        logins.store(Home(tmp_path), preset("codex"), '{"tokens": {"refresh_token": "rt"}}', None, 0.0)
    assert not (tmp_path / "logins").exists()


def test_a_login_of_a_preset_serves_agents_made_of_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    logins.store(home, preset("gemini"), KEY, None, 0.0)
    mine = parse('[agents.mine]\npreset = "gemini"\nkind = "acp"\ncommand = ["gemini", "--acp"]').agents["mine"]
    made = plan(mine, home, None, None)
    assert made.env["GEMINI_API_KEY"] == KEY
    assert "gemini-api-key" in made.files[".gemini/settings.json"]
    assert KEY not in str(made.files)


@pytest.mark.parametrize("wrong", ["", "  \n", "two words", "two\nlines", "k" * 9000, "schlüssel"])
def test_what_is_no_key_is_refused_and_nothing_is_stored(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(BadInputError):
        logins.store(Home(tmp_path), preset("codex"), wrong, None, 0.0)
    assert not (tmp_path / "logins").exists()


def test_an_agent_that_is_no_preset_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="from_file"):
        logins.store(Home(tmp_path), AgentSettings("mine", command=("x",)), KEY, None, 0.0)


def test_a_damaged_file_says_which_and_the_cure(tmp_path: Path) -> None:
    logins.store(Home(tmp_path), preset("codex"), KEY, None, 0.0)
    (tmp_path / "logins" / "codex.json").write_text("{")
    with pytest.raises(BadInputError, match="agent login codex"):
        logins.find(Home(tmp_path), preset("codex"))


def test_a_token_that_says_when_it_expires_is_believed() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1795610000}).encode()).decode().rstrip("=")
    assert logins.Login("codex", f"e30.{claims}.sig").expires_at == 1795610000.0
    assert logins.Login("codex", "a.b.c").expires_at is None
    assert logins.Login("codex", KEY).expires_at is None


def test_what_nobody_may_be_told(tmp_path: Path) -> None:
    home = Home(tmp_path)
    logins.store(home, preset("codex"), KEY, None, 0.0)
    text = '[agents.codex.env]\nOPEN = "as written"\nKEY = { from_env = "MINE" }\nFLAG = { from_env = "SHORT" }'
    agent = parse(text).agents["codex"]
    assert logins.secrets(home, agent, {"MINE": "a longer secret", "SHORT": "1"}) == (KEY, "a longer secret")
