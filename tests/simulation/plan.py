"""What a seed decides in advance: who does what when, and what goes wrong. A shorter plan is a shorter story."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.simulation.faults import AT_A_TIME, AT_AN_OCCASION, RARE

PEOPLE = {
    "sling": 30,
    "sling_many": 10,
    "sling_with_key": 6,
    "cancel": 6,
    "retry": 9,
    "start": 4,
    "edit": 4,
    "approve": 16,
    "rework": 5,
    "discard": 3,
    "close": 2,
    "stop": 5,
    "message": 8,
    "answer": 3,
    "pause": 3,
    "pause_and_stop": 2,
    "resume": 5,
    "change_cap": 5,
    "change_budget": 4,
    "change_merge": 3,
    "change_gates": 2,
    "retry_merge": 3,
    "remove_rig": 2,
    "add_rig": 2,
    "log_in": 4,
    "look": 6,
}
LONGEST_S = 200.0


@dataclass(frozen=True)
class Entry:
    """`at` seconds from the beginning; `salt` decides the rest."""

    at: float
    kind: str
    salt: int


def plan(seed: int) -> list[Entry]:
    """Some 3 to 20 entries over at most 200 seconds."""
    random = Random(f"{seed}/plan")
    length_s = 20.0 + random.random() * (LONGEST_S - 20.0)

    def at() -> float:
        return random.random() * length_s

    def entry(when: float, kind: str) -> Entry:
        return Entry(round(when, 3), kind, random.getrandbits(30))

    entries = [entry(random.random(), "sling_many")]
    for kind in random.choices(list(PEOPLE), list(PEOPLE.values()), k=random.randrange(1, 9)):
        entries.append(entry(at(), kind))
    trouble = random.choice((0, 2, 5, 10))
    faults = (*AT_AN_OCCASION, *AT_A_TIME)
    for kind in random.choices(faults, [3 if kind in RARE else 1 for kind in faults], k=trouble):
        entries.append(entry(at(), kind))
    return sorted(entries, key=lambda entry: entry.at)
