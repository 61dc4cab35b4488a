"""The agent programs that Boomtown knows by name: one table of what is special about each.

Measured with the versions that are named here; `boomtown agent install NAME` installs exactly those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OPENCODE_ALLOW = {"*": "allow", "question": "deny", "doom_loop": "deny"}
"""`question` would wait for a person at the agent's own screen; `gt_ask` asks ours. A loop is better ended."""


@dataclass(frozen=True)
class LoginWay:
    """A variable that logs a program in.

    `begins`: what the secret begins with. `provider`: whose it is. `as_json`: the variable holds keys by provider.
    """

    variable: str
    begins: str = ""
    provider: str | None = None
    as_json: bool = False


@dataclass(frozen=True)
class Inherits:
    """What `inherit = true` brings of a person's own set-up of a program: an allow-list.

    `folder`: where that is below HOME, in a polecat's, too; the person's own is elsewhere if `variable` says so,
    `below` what that names. `files`: instructions, commands, skills there. `configs`: files that may name MCP servers
    at the key `servers`, the later goes first; `~/`: below HOME itself. `to_file`: the file of `files` that takes
    the servers; else the program's configuration does, at the same key.
    """

    folder: str
    files: tuple[str, ...]
    configs: tuple[str, ...]
    servers: str = "mcpServers"
    variable: str = ""
    below: str = ""
    to_file: str | None = None


@dataclass(frozen=True)
class Preset:
    """One agent program that speaks ACP.

    `package`, `version`: on npm. `programs`: where below `node_modules` the program is, best first, as glob patterns;
    a native binary is better than its wrapper, which costs a process and gets the signals. `on_path`: its name where a
    person has installed it. `needs_node`: the program is a script for Node.

    `config` is merged with that of `config.toml` and written to `config_to`: `env:NAME` (as JSON), or a path below
    HOME whose ending says the format (`.json`, `.toml`). `files` are written below HOME where they are missing: answers
    to what is asked at a first start. `model_to`: `config:KEY` (several: `config:A,B`), `env:NAME` or `arg:FLAG`.

    `logins`: ways to log in, see `home.logins`; `login_config` is merged into `config` where one is used.

    `inherits`: what it may have of the person's own set-up.

    `plugins_to`: the key of `config` for paths of plugins; `plugins`: our own. `shells`: the plugin that gives the
    tools of each session an environment of their own; with it, one process can serve many worktrees.

    `terminal`: the arguments with which its own interface goes on with `{session}`; without, it has none that does.
    `terminal_programs`, `terminal_on_path`: that program, where it is another one.

    `allow`, `ask`: changes to `config` for the two permission policies. `modes`: the session mode for each policy.

    `checks_model`: the session says which model it uses, and another one than was asked for is a broken set-up.
    `cut`: a pattern for a line of its standard error that says, as the first group, how the connection to its model
    broke, where it then waits for the wide network to come back. `usage`: how tokens are counted, see
    `container.agents.meter`. `resumes`: `session/load` works in a new process.
    `ends_on_eof`: it ends when its standard input does, and takes its tools' processes along. `memory_bytes`: what a
    run takes, until its own runs have shown it; `session_bytes`: what one more session in a shared process takes.
    """

    name: str
    title: str
    package: str
    version: str
    programs: tuple[str, ...]
    on_path: str
    args: tuple[str, ...] = ()
    needs_node: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    config_to: str | None = None
    files: Mapping[str, Any] = field(default_factory=dict)
    model_to: str | None = None
    plugins_to: str | None = None
    plugins: tuple[str, ...] = ()
    shells: str = ""
    allow: Mapping[str, Any] = field(default_factory=dict)
    ask: Mapping[str, Any] = field(default_factory=dict)
    modes: Mapping[str, str] = field(default_factory=dict)
    checks_model: bool = False
    cut: str = ""
    logins: tuple[LoginWay, ...] = ()
    login_config: Mapping[str, Any] = field(default_factory=dict)
    inherits: Inherits | None = None
    terminal: tuple[str, ...] = ()
    terminal_programs: tuple[str, ...] = ()
    terminal_on_path: str = ""
    usage: str = "turn"
    resumes: bool = True
    ends_on_eof: bool = True
    memory_bytes: int = 0
    session_bytes: int = 0
    gaps: tuple[str, ...] = ()


_TAUGHT = ("skills", "skill", "commands", "command", "agents", "agent")


def _opencode_like(prefix: str, **more: Any) -> dict[str, Any]:
    """Kilo is a descendant of OpenCode: the same configuration, other names. Nothing is fetched or told to anyone."""
    name = prefix.lower()
    configs = [f"{stem}.{ending}" for stem in dict.fromkeys((name, "opencode")) for ending in ("json", "jsonc")]
    return {
        "args": ("acp",),
        "terminal": ("--session", "{session}"),
        "env": {
            f"{prefix}_DISABLE_AUTOUPDATE": "1",
            f"{prefix}_DISABLE_MODELS_FETCH": "1",
            f"{prefix}_DISABLE_LSP_DOWNLOAD": "1",
            f"{prefix}_DISABLE_SHARE": "1",
            f"{prefix}_DISABLE_TERMINAL_TITLE": "1",
            f"{prefix}_DISABLE_CLAUDE_CODE": "1",
        }
        | more.pop("env", {}),
        "config": {"autoupdate": False, "share": "disabled", "snapshot": False, "lsp": False, "formatter": False},
        "config_to": f"env:{prefix}_CONFIG_CONTENT",
        "model_to": "config:model,small_model",
        "plugins_to": "plugin",
        "plugins": (str(Path(__file__).with_name("retries.js")),),
        "shells": str(Path(__file__).with_name("shells.js")),
        "allow": {"permission": OPENCODE_ALLOW},
        "ask": {"permission": {"*": "allow", "bash": "ask", "edit": "ask", "question": "deny", "doom_loop": "deny"}},
        "checks_model": True,
        "logins": (LoginWay(f"{prefix}_AUTH_CONTENT", as_json=True),),
        "inherits": Inherits(
            folder=f".config/{name}",
            files=("AGENTS.md", *_TAUGHT),
            configs=("config.json", *configs),
            servers="mcp",
            variable="XDG_CONFIG_HOME",
            below=name,
        ),
        **more,
    }


PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="kilo",
            memory_bytes=1000_000_000,
            session_bytes=150_000_000,
            title="Kilo CLI",
            package="@kilocode/cli",
            version="7.7.7",
            programs=("@kilocode/cli/bin/.kilo", "@kilocode/cli-*/bin/kilo", ".bin/kilo"),
            on_path="kilo",
            cut=r"service=session\.network .*message=(.*) waiting for network",
            usage="database:kilo/kilo.db",
            **_opencode_like(
                "KILO",
                args=("acp", "--print-logs", "--log-level", "WARN"),
                env={
                    "KILO_DISABLE_SESSION_INGEST": "1",
                    "KILO_DISABLE_DEFAULT_PLUGINS": "1",
                    "KILO_DISABLE_CODEBASE_INDEXING": "1",
                    "KILO_DISABLE_PRESENCE": "1",
                    "KILO_TELEMETRY_LEVEL": "off",
                    "KILO_NO_DAEMON": "1",
                },
            ),
        ),
        Preset(
            name="opencode",
            memory_bytes=750_000_000,
            session_bytes=100_000_000,
            title="OpenCode",
            package="opencode-ai",
            version="1.18.33",
            programs=("opencode-ai/bin/opencode.exe", "opencode-linux-*/bin/opencode", ".bin/opencode"),
            on_path="opencode",
            usage="database:opencode/opencode.db",
            **_opencode_like("OPENCODE"),
        ),
        Preset(
            name="claude",
            memory_bytes=300_000_000,
            title="Claude Code",
            package="@agentclientprotocol/claude-agent-acp",
            version="0.49.0",
            programs=(".bin/claude-agent-acp",),
            on_path="claude-agent-acp",
            needs_node=True,
            env={
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                "DISABLE_AUTOUPDATER": "1",
                "DISABLE_TELEMETRY": "1",
                "DISABLE_ERROR_REPORTING": "1",
                "CLAUDE_CODE_MAX_RETRIES": "3",  # else it asks a wrong key or a used up limit for three minutes
            },
            config_to=".claude/settings.json",
            files={".claude.json": {"hasCompletedOnboarding": True}},
            model_to="env:ANTHROPIC_MODEL",
            logins=(LoginWay("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat"), LoginWay("ANTHROPIC_API_KEY")),
            inherits=Inherits(
                folder=".claude",
                files=("CLAUDE.md", "rules", "skills", "commands", "agents", "output-styles"),
                configs=("~/.claude.json",),
                variable="CLAUDE_CONFIG_DIR",
                to_file=".claude.json",
            ),
            usage="transcripts:.claude/projects",
            terminal=("--resume", "{session}"),
            terminal_programs=("@anthropic-ai/claude-agent-sdk-linux-*/claude",),
            terminal_on_path="claude",
        ),
        Preset(
            name="codex",
            memory_bytes=160_000_000,
            title="Codex",
            package="@zed-industries/codex-acp",
            version="0.16.0",
            programs=("@zed-industries/codex-acp-*/bin/codex-acp", ".bin/codex-acp"),
            on_path="codex-acp",
            config={
                "check_for_update_on_startup": False,
                "analytics": {"enabled": False},
                "feedback": {"enabled": False},
            },
            config_to=".codex/config.toml",
            model_to="config:model",
            allow={"sandbox_mode": "danger-full-access", "approval_policy": "never"},
            ask={"sandbox_mode": "workspace-write", "approval_policy": "on-request"},
            modes={"allow": "full-access", "ask": "auto"},
            logins=(LoginWay("CODEX_API_KEY"),),
            inherits=Inherits(
                folder=".codex",
                files=("AGENTS.md", "AGENTS.override.md", "prompts", "skills"),
                configs=("config.toml",),
                servers="mcp_servers",
                variable="CODEX_HOME",
            ),
            usage="rollouts:.codex/sessions",
            ends_on_eof=False,
        ),
        Preset(
            name="gemini",
            memory_bytes=400_000_000,
            title="Gemini CLI",
            package="@google/gemini-cli",
            version="0.61.0",
            programs=(".bin/gemini",),
            on_path="gemini",
            args=("--acp", "--skip-trust"),
            needs_node=True,
            env={"GEMINI_CLI_TRUST_WORKSPACE": "true"},
            config={
                "privacy": {"usageStatisticsEnabled": False},
                "general": {"disableAutoUpdate": True, "disableUpdateNag": True, "maxAttempts": 3},
            },
            config_to=".gemini/settings.json",
            model_to="arg:-m",
            logins=(LoginWay("GEMINI_API_KEY"),),
            inherits=Inherits(folder=".gemini", files=("GEMINI.md", "commands", "skills"), configs=("settings.json",)),
            login_config={"security": {"auth": {"selectedType": "gemini-api-key"}}},
            modes={"allow": "yolo"},
            usage="meta.quota",
            resumes=False,
            ends_on_eof=False,
            gaps=(
                "A new run can't load the session of an earlier one; it begins a new one and is told what was done.",
            ),
        ),
        Preset(
            name="qwen",
            memory_bytes=900_000_000,
            title="Qwen Code",
            package="@qwen-code/qwen-code",
            version="0.15.10",
            programs=(".bin/qwen",),
            on_path="qwen",
            args=("--acp",),
            needs_node=True,
            config={
                "privacy": {"usageStatisticsEnabled": False},
                "general": {"disableAutoUpdate": True, "disableUpdateNag": True},
                "model": {"generationConfig": {"maxRetries": 1}},
            },
            config_to=".qwen/settings.json",
            model_to="env:OPENAI_MODEL",
            logins=(LoginWay("OPENAI_API_KEY"),),
            inherits=Inherits(
                folder=".qwen", files=("QWEN.md", "commands", "agents", "skills"), configs=("settings.json",)
            ),
            login_config={"security": {"auth": {"selectedType": "openai"}}},
            modes={"allow": "yolo"},
            terminal=("--resume", "{session}"),
            usage="meta.usage",
            gaps=("The town's tools do not reach its model; it hands on with `boomtown done`.",),
        ),
    )
}
