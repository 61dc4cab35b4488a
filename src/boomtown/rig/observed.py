"""What is known of the running world and not stored: reports, requests on their way, calls of agents.

Written on the event loop only. Each attribute is replaced whole, never changed in place, so that the writer's thread
may read at any moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from boomtown.container.protocol import Facts, Hello, RunState
from boomtown.domain.kinds import Refusal, Refused
from boomtown.domain.memory import Machine
from boomtown.domain.runs import GitFacts
from boomtown.domain.snapshot import Container, Question, Seen, Usage
from boomtown.rig.figures import Figures


def to_facts(facts: Facts) -> GitFacts:
    return GitFacts(facts.own_commits, facts.tip, facts.dirty, tuple(facts.marked_files))


def _seen(state: RunState) -> Seen:
    return Seen(
        state=state.state,
        pid=state.pid,
        started_at=state.started_at,
        exit_code=state.exit_code,
        signal=state.signal,
        start_failed=state.start_failed,
        setup_failed=state.setup_failed,
        out_of_memory=state.out_of_memory,
        error=state.error,
        last_words=state.last_words,
        report=state.report,
        last_output_at=state.last_output_at,
        facts=to_facts(state.facts) if state.facts else None,
        session=state.session,
        question=Question(state.question.id, state.question.text, state.question.options) if state.question else None,
        usage=Usage(**vars(state.usage)) if state.usage else None,
        peak_memory_bytes=state.peak_memory_bytes,
        delivered=frozenset(state.delivered),
        refusal=_refusal(state),
        answered=state.answered,
        attached=bool(state.attached),
    )


def _refusal(state: RunState) -> Refusal | None:
    found = state.refusal
    return Refusal(Refused(found.why), found.words, found.until) if found else None


def _news(seen: Seen) -> tuple[object, ...]:
    """What of a run the Rig decides by; the rest are figures."""
    return seen.state, seen.question, seen.delivered, seen.usage, seen.answered, seen.attached


class Observed:
    """The world as last seen."""

    def __init__(self) -> None:
        self.container: Container | None = None
        self.states: dict[str, RunState] = {}
        self.busy: frozenset[str] = frozenset()
        self.stopping: frozenset[tuple[str, str]] = frozenset()
        self.told: frozenset[tuple[str, str]] = frozenset()
        """Runs, with a message, that their container has."""
        self.facts: dict[str, GitFacts] = {}
        self.calls: dict[str, float] = {}
        self.heartbeats: dict[str, float] = {}
        self.figures = Figures()
        self.awake_since = 0.0
        """When the machine was last seen to have slept before: nobody was silent in that time (epoch seconds)."""
        self.closing = False
        """The home goes down: nothing is dispatched any more."""
        self.memory: Callable[[], Machine | None] = lambda: None
        """How much memory there is at this moment."""
        self.attached: Callable[[], Hello | None] = lambda: None
        """Who is at the other end at this moment."""

    def attach(self, hello: Hello) -> None:
        """A container, the same as before or a successor, is at the other end."""
        self.container = Container(hello.container_id, {})
        self.states = {}
        self.stopping = frozenset()
        self.told = frozenset()
        self.saw(hello.runs)

    def saw(self, states: Iterable[RunState]) -> bool:
        """Take in a report; True if there is more news of a run than figures."""
        if self.container is None:
            return False
        known, current = dict(self.container.runs), dict(self.states)
        changed = False
        for state in states:
            seen, before = _seen(state), known.get(state.run_id)
            changed = changed or before is None or _news(before) != _news(seen)
            if before is not None and before.state == "exited" and seen.state != "exited":
                continue  # an older report that came late
            known[state.run_id], current[state.run_id] = seen, state
        self.states = current
        self.container = replace(self.container, runs=known)
        return changed

    def forget(self, run_ids: Iterable[str]) -> None:
        """The container dropped these runs, whose exits are stored: so does the server."""
        gone = set(run_ids)
        if self.container is not None:
            runs = {run_id: seen for run_id, seen in self.container.runs.items() if run_id not in gone}
            self.container = replace(self.container, runs=runs)
        self.states = {run_id: state for run_id, state in self.states.items() if run_id not in gone}
        self.stopping = frozenset(item for item in self.stopping if item[0] not in gone)

    def settled(self, run_id: str) -> None:
        """The run is over and its worktree is gone; what its container still reports is forgotten by it first."""
        self.facts = {known: facts for known, facts in self.facts.items() if known != run_id}
        self.calls = {known: at for known, at in self.calls.items() if known != run_id}
        self.heartbeats = {known: at for known, at in self.heartbeats.items() if known != run_id}
        self.stopping = frozenset(item for item in self.stopping if item[0] != run_id)
        self.told = frozenset(item for item in self.told if item[0] != run_id)
        if self.container is not None:
            self.container = replace(self.container, gone=self.container.gone - {run_id})

    def never_started(self, run_id: str) -> None:
        """The container does not have this run, and promised never to start it."""
        if self.container is not None:
            runs = {known: seen for known, seen in self.container.runs.items() if known != run_id}
            self.container = replace(self.container, runs=runs, gone=self.container.gone | {run_id})

    def of_rig(self, rig_name: str) -> Container | None:
        """The container with only this rig's runs; None while nobody is at the other end."""
        container, states, hello = self.container, self.states, self.attached()
        if container is None or hello is None or hello.container_id != container.id:
            return None
        mine = {
            run_id: seen
            for run_id, seen in container.runs.items()
            if run_id in states and states[run_id].rig == rig_name
        }
        return replace(container, runs=mine)

    def told_to_stop(self, run_id: str, reason: str) -> None:
        self.stopping |= {(run_id, reason)}

    def told_messages(self, run_id: str, message_ids: Iterable[str]) -> None:
        self.told |= {(run_id, message_id) for message_id in message_ids}

    def inspected(self, run_id: str, facts: GitFacts) -> None:
        self.facts = {**self.facts, run_id: facts}

    def called(self, run_id: str, at: float, *, heartbeat: bool = False) -> None:
        """An agent's call came in: a sign of life."""
        self.calls = {**self.calls, run_id: at}
        if heartbeat:
            self.heartbeats = {**self.heartbeats, run_id: at}

    def beat(self, run_ids: Iterable[str], at: float) -> None:
        """Word of these runs, from their container."""
        self.heartbeats = self.heartbeats | dict.fromkeys(run_ids, at)

    def begin(self, key: str) -> bool:
        """Mark a request as on its way; False if it is already."""
        if key in self.busy:
            return False
        self.busy |= {key}
        return True

    def finish(self, key: str) -> None:
        self.busy -= {key}
