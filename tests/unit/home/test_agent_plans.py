"""From a preset and what a person set to what is started."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from boomtown.domain.errors import BadInputError
from boomtown.home.agents import configuration, plan
from boomtown.home.config import AgentSettings, parse
from boomtown.home.paths import Home
from boomtown.home.presets import PRESETS


def installed(home: Home, name: str) -> Path:
    """A program where the preset expects it."""
    program = home.agent(name) / "node_modules" / PRESETS[name].programs[-1].replace("*", "linux-x64")
    program.parent.mkdir(parents=True)
    program.touch(mode=0o700)
    return program


def an_agent(name: str, text: str = "") -> AgentSettings:
    return parse(text).pick_agent(name)


def test_one_that_is_not_installed_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="`boomtown agent install kilo` installs version"):
        plan(an_agent("kilo"), Home(tmp_path), str(tmp_path), None)


def test_kilo_gets_its_configuration_as_json_with_the_words_of_the_person_last(tmp_path: Path) -> None:
    home = Home(tmp_path)
    program = installed(home, "kilo")
    agent = an_agent("kilo", '[agents.kilo]\nmodel = "a/b"\n[agents.kilo.config]\nautoupdate = true\n[agents.kilo.env]')
    made = plan(agent, home, "/nowhere", None, ("/p/plugin.js",))
    config = json.loads(made.env["KILO_CONFIG_CONTENT"])
    assert made.command[:2] == (str(program), "acp")
    assert (config["model"], config["small_model"], made.model) == ("a/b", "a/b", "a/b")
    assert (config["autoupdate"], config["share"], config["plugin"][-1]) == (True, "disabled", "/p/plugin.js")
    assert config["permission"]["*"] == "allow"


def test_the_model_of_the_bead_goes_before_the_home(tmp_path: Path) -> None:
    home = Home(tmp_path)
    installed(home, "kilo")
    agent = an_agent("kilo", '[agents.kilo]\nmodel = "a/b"')
    assert plan(agent, home, "/nowhere", "c/d").model == "c/d"


def test_codex_gets_a_toml_file_and_the_mode_of_its_policy(tmp_path: Path) -> None:
    home = Home(tmp_path)
    installed(home, "codex")
    made = plan(an_agent("codex", '[agents.codex]\npermission = "ask"'), home, "/nowhere", "m")
    config = tomllib.loads(made.files[".codex/config.toml"])
    assert (config["model"], config["approval_policy"], made.mode) == ("m", "on-request", "auto")


def test_tables_are_merged_into_tables() -> None:
    agent = AgentSettings("kilo", "acp", "kilo", permission="ask", config={"permission": {"bash": "deny"}})
    permission = configuration(PRESETS["kilo"], agent, None)["permission"]
    assert (permission["bash"], permission["edit"]) == ("deny", "ask")


def test_any_command_is_started_as_it_is(tmp_path: Path) -> None:
    made = plan(AgentSettings("mine", "acp", command=("x", "acp")), Home(tmp_path), None, "m")
    assert (made.command, made.model) == (("x", "acp"), None)


def test_a_preset_may_use_the_persons_own_copy(tmp_path: Path) -> None:
    agent = an_agent("kilo", "[agents.kilo]\nkind = 'acp'\ncommand = ['/opt/kilo', 'acp']")
    made = plan(agent, Home(tmp_path), None, None)
    assert made.command == ("/opt/kilo", "acp")
    assert "KILO_CONFIG_CONTENT" in made.env


def test_one_process_serves_many_with_a_plugin_more(tmp_path: Path) -> None:
    home = Home(tmp_path)
    installed(home, "kilo")
    plugins = [
        json.loads(plan(an_agent("kilo", text), home, "/nowhere", None).env["KILO_CONFIG_CONTENT"])["plugin"]
        for text in ("", "[agents.kilo]\nshared = true")
    ]
    assert [Path(path).name for path in plugins[0]] == ["retries.js"]
    assert [Path(path).name for path in plugins[1]] == ["retries.js", "shells.js"]
    assert all(Path(path).is_file() for path in plugins[1])
