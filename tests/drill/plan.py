"""What a drill breaks: a seed's number says what, where and when."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, zip_longest

STORED = (
    "run.claimed", "run.started", "run.ended", "merge.waiting", "merge.landing", "merge.merged", "agent.released",
)  # fmt: skip
"""Kinds of the ledger's entries: before and after their transaction is stored is a step each."""
REQUESTS = ("start", "dispose", "merge", "push", "retire_branch", "forget")
"""Requests of the server to the container."""
STEPS: dict[str, str] = {
    **{f"{moment} {kind}": "server" for kind in STORED for moment in ("storing", "stored")},
    **{f"{moment} {request}": "server" for request in REQUESTS for moment in ("asking", "answered")},
    **{f"answering {request}": "container" for request in REQUESTS},
    "worktree half registered": "container",
    "worktree half claimed": "container",
    "worktree made": "container",
    "run spawned": "container",
    "run gone": "container",
    "wip committed": "container",
    "wip kept": "container",
    "worktree half removed": "container",
    "pushing": "container",
    "pushed": "container",
    "agent begun": "agent",
    "agent wrote": "agent",
    "agent committed": "agent",
    "agent done": "agent",
}
"""Every step by who comes to it."""
AT_A_STEP = ("kill", "kill all", "kill the other", "freeze")
AT_ANY_TIME = (
    "kill server", "kill container", "kill agent", "kill all", "kill server and container", "freeze server",
    "freeze container", "freeze agent",
)  # fmt: skip
SCENES = (
    "database is locked", "database is read-only", "database is truncated", "disk is full", "descriptors run out",
    "processes run out", "remote hangs", "stream is corrupt", "machine sleeps", "container is one version older",
    "container is two versions older", "server never comes back", "container stands still for good",
)  # fmt: skip
"""Faults that take more than a signal; see `scenes`."""
SHORTAGES = {"disk is full", "descriptors run out", "processes run out"}
"""While one lasts the product may log as unexpected that it lacks just that."""


@dataclass(frozen=True)
class Case:
    """One fault. `step` None: at a random moment."""

    fault: str
    step: str | None = None

    def __str__(self) -> str:
        return f"{self.fault} at “{self.step}”" if self.step else self.fault


def _cases() -> list[Case]:
    """All of them, so mixed that the first forty hold each scene, each fault, and half of the steps."""
    steps = [*enumerate(STEPS)]
    at_steps = [
        Case(AT_A_STEP[(number + number // 2 + turn) % len(AT_A_STEP)], step)
        for turn in range(len(AT_A_STEP))
        for number, step in steps[turn % 2 :: 2] + steps[1 - turn % 2 :: 2]
    ]
    at_steps = [case for case in at_steps if case.fault != "kill the other" or STEPS[case.step or ""] != "agent"]
    scenes = [Case(scene) for scene in SCENES]
    any_time = [Case(fault) for fault in AT_ANY_TIME]
    first, rest = at_steps[:19], at_steps[19:]
    mixed = [case for case in chain(*zip_longest(first, any_time, scenes)) if case]
    return mixed + rest + any_time * 2


CASES = tuple(_cases())


def case_of(seed: int) -> Case:
    """The case of a drill's number, from 1: each in turn."""
    return CASES[(seed - 1) % len(CASES)]
