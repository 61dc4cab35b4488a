"""One drill: a seed, a town, one fault, its recovery, and what must hold then."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.drill.checks import Watch, at_the_end, rest, short_of
from tests.drill.plan import SHORTAGES, STEPS, Case, case_of
from tests.drill.scenes import SCENE, CannotShowError
from tests.drill.town import PATIENCE_S, DrillTown, eventually, lives

MOST_S = 0.9
"""A random moment is within so many seconds of the sling: by then the quickest beads have landed."""
HOLD_S = 0.4
REACH_S = 30.0
KINDS = ("works", "quick", "leaves", "recovers", "clashes", "stays")


@dataclass
class Outcome:
    """What came of a drill. `errors` are what must not be; `fired`: the fault happened; `skipped`: why it could not."""

    seed: int
    case: Case
    errors: list[str] = field(default_factory=list)
    fired: bool = False
    skipped: str | None = None
    seconds: float = 0.0


def drill(town: DrillTown, seed: int) -> Outcome:
    """Break a town that is up and at rest; it is both again if there are no errors."""
    outcome = Outcome(seed, case_of(seed))
    began, watch, rng = time.monotonic(), Watch(town), random.Random(seed)
    try:
        _break(town, outcome, rng, watch)
        town.recover()
        rest(town, watch)
        outcome.errors += at_the_end(town)
    except CannotShowError as reason:
        outcome.skipped = str(reason)
    except AssertionError as error:
        outcome.errors.append(str(error))
    shortage = outcome.case.fault in SHORTAGES
    outcome.errors += [*watch.breaches, *(told for told in watch.tracebacks() if not (shortage and short_of(told)))]
    outcome.seconds = time.monotonic() - began
    return outcome


def _break(town: DrillTown, outcome: Outcome, rng: random.Random, watch: Watch) -> None:
    case = outcome.case
    if scene := SCENE.get(case.fault):
        scene(town, rng, watch)
        outcome.fired = True
        return
    kinds = rng.sample(KINDS, 2)
    if case.step is None:
        (town.control / "go").unlink(missing_ok=True)
        waiting = ["waits"] if case.fault.endswith("agent") else []  # one that is there to be met
        slung = town.begin_sling(*kinds, *waiting)
        time.sleep(rng.uniform(0.0, MOST_S))
        _at_any_time(town, case.fault, rng)
        (town.control / "go").touch()
        outcome.fired = True
        town.recover()
        slung.result(timeout=PATIENCE_S)
        return
    town.arm(case.step)
    slung = town.begin_sling(*_with(case.step, kinds))
    pid = town.reached(case.step, REACH_S)
    if pid is not None:
        _at_a_step(town, case, pid, rng)
        outcome.fired = True
    town.recover()
    slung.result(timeout=PATIENCE_S)


def _with(step: str, kinds: Sequence[str]) -> Sequence[str]:
    """Kinds of agents that come to the step."""
    if step.startswith("wip"):
        return ["leaves", kinds[0]]
    return ["works", kinds[0]] if step in ("agent done", "storing merge.waiting", "stored merge.waiting") else kinds


def _at_a_step(town: DrillTown, case: Case, pid: int, rng: random.Random) -> None:
    match case.fault:
        case "kill":
            town.kill(pid)
        case "kill all":
            town.kill(*town.processes())
        case "kill the other":
            server = STEPS[case.step or ""] == "server"
            town.kill(town.container_pid if server else town.server_pid)
            time.sleep(rng.uniform(0.0, HOLD_S))
        case "freeze":
            time.sleep(rng.uniform(0.0, HOLD_S))
    if lives(pid):
        town.thaw(pid)


def _at_any_time(town: DrillTown, fault: str, rng: random.Random) -> None:
    action, _, victim = fault.partition(" ")
    pids = _victims(town, victim, rng)
    if action == "kill":
        town.kill(*pids)
        return
    for pid in pids:
        town.freeze(pid)
    time.sleep(rng.uniform(0.05, 2 * HOLD_S))
    town.thaw(*pids)


def _victims(town: DrillTown, victim: str, rng: random.Random) -> list[int]:
    match victim:
        case "server":
            found = [town.server_pid]
        case "container":
            found = [town.container_pid]
        case "server and container":
            found = [town.server_pid, town.container_pid]
        case "all":
            found = list(town.processes())
        case _:
            found = [rng.choice(eventually(town.agents, "an agent is at work"))]
    return [pid for pid in found if pid]
