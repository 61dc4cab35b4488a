"""Turns a claimed run into what the container needs to start it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from boomtown.container.protocol import Message, RunSpec, Surroundings, Talk
from boomtown.domain.beads import wants_report
from boomtown.domain.branches import slug
from boomtown.domain.errors import BadInputError
from boomtown.home import agents, logins
from boomtown.home.agents import Plan
from boomtown.home.config import AgentSettings, Settings
from boomtown.home.paths import Home, home_environment
from boomtown.rig import prompts
from boomtown.rig.look import memory_limit
from boomtown.rig.objects import digest_text
from boomtown.rig.tokens import Claims, Tokens
from boomtown.store import messages, sql, tables
from boomtown.store.sql import Row

PASSED_ON = ("PATH", "LANG", "TZ", "NODE_EXTRA_CA_CERTS")
PASSED_ON_BEGINNINGS = ("LC_", "SSL_CERT_")
PROXY = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
TOOL_BEGINNINGS = ("GASTOWN_", "BOOMTOWN_")
"""What the town's tools need of a run's environment: agents don't pass theirs on."""
SIGNATURE = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
SHOWN = (*PASSED_ON, *home_environment(Path()), *SIGNATURE)
EMAIL_DOMAIN = "polecats.boomtown.invalid"


@dataclass(frozen=True)
class Author:
    """Whose name a commit carries."""

    name: str
    email: str


def polecat_author(name: str) -> Author:
    return Author(f"{name} (polecat)", f"{slug(name)}@{EMAIL_DOMAIN}")


class Dispatch:
    """Knows the server's address and environment."""

    def __init__(self, home: Home, settings: Settings, tokens: Tokens, environ: Mapping[str, str] = os.environ) -> None:
        self._home, self._settings, self._tokens = home, settings, tokens
        self._environ = environ
        self.url = ""
        """The root URL that agents call; known once the server has its port."""
        self.person: Author | None = None
        """Who `author = "me"` is."""

    def spec(self, db: Connection, run_id: str) -> RunSpec | None:
        """The whole of a run, or None if it is over. Raises `BadInputError` if its agent can't be used any more."""
        run = sql.by_id(db, tables.runs, run_id)
        if run is None or run["ended_at"] is not None:
            return None
        bead = sql.by_id(db, tables.beads, run["bead_id"])
        rig = sql.by_id(db, tables.rigs, run["rig_id"])
        polecat = sql.by_id(db, tables.polecats, run["polecat_id"])
        assert bead is not None
        assert rig is not None
        assert polecat is not None
        agent = self._settings.pick_agent(run["agent_kind"])
        talks = agent.kind == "acp"
        env = self._environment(rig, polecat, bead, run)
        plan = self.plan(agent, rig, bead["model"] or rig["settings"].get("model"))
        waiting = messages.queued(db, bead["id"])
        heard = [row for row in waiting if row["created_at"] <= run["claimed_at"]]
        author = self.author(polecat["name"])
        rework, report = bead["rework"] is not None, wants_report(bead["metadata"])
        return RunSpec(
            run_id=run_id,
            number=run["number"],
            rig=rig["name"],
            bead_id=bead["id"],
            polecat_id=polecat["id"],
            name=polecat["name"],
            branch=run["branch"],
            worktree_slug=slug(polecat["name"]),
            base_branch=rig["default_branch"],
            agent_kind=agent.name,
            adapter=agent.kind,
            command=plan.command,
            prompt=prompts.polecat(bead, rig, polecat["name"], run["branch"], () if talks else heard),
            prompt_mode=agent.prompt,
            env=env | (_signs_as(author) if talks else {}) | dict(plan.env) | agent.environment(self._environ),
            author_name=author.name,
            author_email=author.email,
            wip_subject=wip_subject(polecat["name"], bead["prefix"]),
            old_branch=bead["old_branch"],
            rework=rework,
            conflict_note=prompts.CONFLICT_NOTE if rework else "",
            role=prompts.role(self._home.root, report=report),
            fetch_max_age_s=self._settings.fetch_max_age_s,
            secrets=(*logins.secrets(self._home, agent, self._environ), *plan.person.secrets),
            around=self.around(rig),
            talk=self._talk(plan, agent, bead, env, waiting) if talks else None,
            at_once=rig["max_polecats"],
            memory_limit=memory_limit(rig, self._settings, agent.name),
            report=report,
        )

    def shown_environment(self, db: Connection, run_id: str) -> dict[str, str | None]:
        """What the agent of a live run was given. A value is there only where it can be no secret, else null."""
        try:
            spec = self.spec(db, run_id)
        except BadInputError:
            return {}  # its agent's settings were changed since it began
        if spec is None:
            return {}
        folders = home_environment(self._home.rig(spec.rig).agent_home(spec.bead_id))
        given = {name: str(path) for name, path in folders.items()} | spec.env
        own = self._settings.pick_agent(spec.agent_kind).env
        return {name: value if name not in own and is_shown(name) else None for name, value in sorted(given.items())}

    def plan(self, agent: AgentSettings, rig: Row, model: str | None) -> Plan:
        """How to start `agent` for a bead of `rig`. Raises `BadInputError` with the cure if its program is missing."""
        path = self.base_environment(rig)["PATH"]
        return agents.plan(agent, self._home, path, model, tuple(rig["settings"].get("plugins") or ()), self._environ)

    def _talk(self, plan: Plan, agent: AgentSettings, bead: Row, env: Mapping[str, str], waiting: list[Row]) -> Talk:
        words = [bead["title"], bead["body"], bead["rework"]]
        report = wants_report(bead["metadata"])
        tools = {name: value for name, value in env.items() if name.startswith(TOOL_BEGINNINGS)}
        return Talk(
            files=dict(plan.files),
            first_files=dict(plan.first_files),
            gifts={gift.target: gift.source for gift in plan.person.gifts},
            notes=plan.person.notes,
            permission=agent.permission,
            mode=plan.mode,
            model=plan.model,
            tools=tools,
            cut=plan.cut,
            preset=agent.preset or "",
            usage=plan.usage,
            resumes=plan.resumes,
            ends_on_eof=plan.ends_on_eof,
            again=prompts.REPORT_AGAIN if report else prompts.AGAIN,
            back=prompts.BACK,
            words=hashlib.sha256(digest_text(words).encode("utf-8", "surrogatepass")).hexdigest()[:16],
            reminder="" if report else prompts.REMINDER,
            answer_within_s=self._settings.answer_within_s,
            messages=tuple(map(as_message, waiting)),
            shared=(*tools, *SIGNATURE) if agent.shared else (),
        )

    def around(self, rig: Row) -> Surroundings:
        """What the worktrees of `rig` get beyond what git has."""
        own = rig["settings"]
        return Surroundings(
            **{key: tuple(own.get(key) or ()) for key in ("copy", "link", "home_files", "setup")},
            submodules=bool(own.get("submodules")),
            lfs=rig["default_branch"] if own.get("lfs") else "",
            setup_timeout_s=float(own.get("setup_timeout") or self._settings.setup_timeout_s),
            caches=self._settings.shared_caches,
            sandbox=self._settings.sandbox,
            sandbox_read=self._settings.sandbox_read,
            sandbox_write=self._settings.sandbox_write,
        )

    def author(self, name: str) -> Author:
        """Who the commits of the polecat `name` are by."""
        if self._settings.author == "me" and self.person is not None:
            return self.person
        return polecat_author(name)

    def co_author(self, name: str) -> str | None:
        """The trailer's value that names the polecat, where the person is the author."""
        if self._settings.author != "me" or self.person is None:
            return None
        worker = polecat_author(name)
        return f"{worker.name} <{worker.email}>"

    def base_environment(self, rig: Row) -> dict[str, str]:
        """What is passed on from the server to an agent or a gate, and nothing else."""
        own = tuple(rig["settings"].get("pass_env") or ())
        passed = {
            key: value
            for key, value in self._environ.items()
            if key in PASSED_ON or key.startswith(PASSED_ON_BEGINNINGS) or key.upper() in PROXY or key in own
        }
        passed["PATH"] = f"{self._home.bin}{os.pathsep}{passed.get('PATH', os.defpath)}"
        return passed

    def _environment(self, rig: Row, polecat: Row, bead: Row, run: Row) -> dict[str, str]:
        claims = Claims(rig["town_id"], rig["id"], polecat["id"], run["number"], "polecat")
        return self.base_environment(rig) | {
            "GASTOWN_API_URL": self.url,
            "GASTOWN_SESSION_TOKEN": self._tokens.issue(claims, run["deadline_at"]),
            "GASTOWN_TOWN_ID": rig["town_id"],
            "GASTOWN_RIG_ID": rig["id"],
            "GASTOWN_AGENT_ID": polecat["id"],
            "GASTOWN_AGENT_ROLE": "polecat",
            "BOOMTOWN_AGENT_NAME": polecat["name"],
            "BOOMTOWN_BEAD_ID": bead["id"],
            "BOOMTOWN_RUN": str(run["number"]),
            "BOOMTOWN_RUN_ID": run["id"],
            "BOOMTOWN_BRANCH": run["branch"],
            "BOOMTOWN_PORT_BASE": str(run["port_base"]),
        }


def is_shown(name: str) -> bool:
    """Whether everybody may read the value of this variable: only what is ours, or well known, and opens nothing."""
    if name == "GASTOWN_SESSION_TOKEN":
        return False
    return name in SHOWN or name.startswith((*TOOL_BEGINNINGS, *PASSED_ON_BEGINNINGS))


def _signs_as(author: Author) -> dict[str, str]:
    """The author for git by environment: some agents keep git in their shells from reading its configuration."""
    return dict(zip(SIGNATURE, (author.name, author.email) * 2, strict=True))


def as_message(row: Row) -> Message:
    """As the container passes it on."""
    return Message(row["id"], row["text"], row["sender"], row["now"], row["answers"])


def wip_subject(name: str, prefix: str) -> str:
    return f"wip: {name} {prefix}"
