"""A person takes the place of the town, in a real terminal interface: the same session, under the same run."""

from __future__ import annotations

import os
import shlex
import subprocess
import uuid
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.agents.model_server import ModelServer
from tests.agents.programs import PATIENCE_S, AgentTown
from tests.e2e.towns import COMMAND, eventually, git

New = Callable[..., AgentTown]
LONG = "STEP write {0}.txt text\nSTEP commit Add {0}\nSTEP shell sleep 600\nSTEP say Done."


class Terminal:
    """A screen of tmux with one command in it."""

    def __init__(self, town: AgentTown, *words: str) -> None:
        self._server = f"boomtown-{uuid.uuid4().hex[:12]}"
        kept = {key: value for key, value in town.environment.items() if key in ("BOOMTOWN_HOME", "PATH")}
        command = shlex.join(["env", *(f"{key}={value}" for key, value in kept.items()), str(COMMAND), *words])
        self._tmux("new-session", "-d", "-x", "160", "-y", "50", f"{command}; echo status $?; exec sleep 600")

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-u", "-L", self._server, "-f", os.devnull, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-S", "-300")

    def shows(self, words: str) -> None:
        """Wait until it does."""
        try:
            eventually(lambda: words in self.screen, f"the terminal shows {words!r}", PATIENCE_S)
        except AssertionError:
            print(self.screen)
            raise

    def press(self, key: str) -> None:
        self._tmux("send-keys", key)

    def type(self, text: str) -> None:
        """A line, sent once it can be seen to have been taken."""
        self._tmux("send-keys", "-l", text)
        self.shows(text)
        self.press("Enter")

    def kill_command(self) -> None:
        """SIGKILL the command alone, as the kernel would."""
        shell = psutil.Process(int(self._tmux("list-panes", "-F", "#{pane_pid}")))
        [command] = [process for process in shell.children() if "attach" in process.cmdline()]
        command.kill()

    def close(self) -> None:
        subprocess.run(["tmux", "-L", self._server, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """`terminal(town, "attach", "Toast")`: a screen with a command of the town."""
    made: list[Terminal] = []

    def make(town: AgentTown, *words: str) -> Terminal:
        made.append(Terminal(town, *words))
        return made[-1]

    yield make
    for one in made:
        one.close()


def come_in(screen: Terminal) -> None:
    """Answer what Claude Code asks whoever opens it for the first time in a folder, and see what was done before."""
    screen.shows("Yes, I trust this folder")
    screen.press("Enter")
    screen.shows("Do you want to use this API key?")
    screen.press("Up")
    screen.shows("\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT} 1. Yes")
    screen.press("Enter")
    screen.shows("Interrupted")


def events(town: AgentTown, bead: str) -> list[tuple[str, str | None]]:
    """Who came, and how they left."""
    told = [event for event in town.bead(bead)["events"] if event["kind"] in ("run.attached", "run.detached")]
    return [(event["kind"], event["data"].get("how")) for event in told]


def test_a_person_goes_on_in_the_agents_session_and_gives_it_back(
    agent_town: New, models: ModelServer, terminal: Callable[..., Terminal]
) -> None:
    town = agent_town("claude")
    handed, lost, held = (town.give("claude", LONG.format(name), f"Add {name}") for name in "abc")
    [plain] = town.sling("waits", "Wait")
    eventually(lambda: len(town.sleepers()) == 3, "all three are at work", PATIENCE_S)

    screen = terminal(town, "attach", "Toast")
    come_in(screen)
    run = next(agent for agent in town.ask("polecats") if agent["name"] == "Toast")
    assert (run["status"], run["pid"]) == ("working", None)
    assert run["attached_by"] == town.bead(handed)["attached_by"] != None  # noqa: E711
    assert len(town.sleepers()) == 2, "what the town drove is gone"
    second = terminal(town, "attach", "Toast")
    second.shows("is attached to Toast already")
    second.shows("status 1")
    other = terminal(town, "attach", plain)
    other.shows("`boomtown shell Shadow` opens a shell")

    screen.type("STEP say I see what was done.")
    eventually(lambda: models.asked("STEP say I see what was done."), "its model hears it", PATIENCE_S)
    assert models.asked("STEP say I see what was done.")[-1].says("STEP write a.txt text"), (
        "with all that was said before"
    )
    screen.type("/exit")
    screen.shows("The town goes on with it (c)")
    screen.type("h")
    screen.shows("status 0")
    [landed] = town.landed(handed)
    assert [entry["outcome"] for entry in landed["attempt_log"]] == ["handed_on"]
    assert events(town, handed) == [("run.attached", None), ("run.detached", "hand-on")]
    assert git(town.folder / "web.git", "show", "main:a.txt") == "text\n"

    screen = terminal(town, "attach", "Maple")
    come_in(screen)
    screen.kill_command()
    [landed] = town.landed(lost)
    assert [entry["outcome"] for entry in landed["attempt_log"]] == ["handed_on"], "in the same run"
    assert events(town, lost) == [("run.attached", None), ("run.detached", "gone")]
    assert any("A person had this session" in str(frame["data"]) for frame in town.frames(lost))

    screen = terminal(town, "attach", "Birch", "--then", "hold")
    come_in(screen)
    screen.type("/exit")
    screen.shows("status 0")
    waits = town.until(held, "held", lambda bead: bead["queue_reason"] == "held")
    assert (waits["status"], waits["attempts"], waits["attached_by"]) == ("open", 0, None)
    town.ok("bead", "start", held)
    town.landed(held)
    town.go()
    town.landed(plain)
