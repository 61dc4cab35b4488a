"""How many agents fit into the machine's memory, and who goes when it runs out all the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

KEEP_FREE_LEAST = 512 << 20
KEEP_FREE_SHARE = 0.05
OUT_OF_MEMORY_LEAST = 128 << 20
OUT_OF_MEMORY_SHARE = 0.01
STALLED_PERCENT = 20.0
"""So much of the last ten seconds in which everything waited for memory (PSI `full`) means that there is none."""


@dataclass(frozen=True)
class Machine:
    """Its memory in bytes. `stalled_percent`: PSI's `full avg10`; 0 where the kernel has none."""

    available: int
    total: int
    stalled_percent: float = 0.0

    @property
    def out_of_memory(self) -> bool:
        least = max(OUT_OF_MEMORY_LEAST, OUT_OF_MEMORY_SHARE * self.total)
        return self.available < least or self.stalled_percent >= STALLED_PERCENT


@dataclass(frozen=True)
class Memory:
    """What there is for more runs. Bytes.

    `keep_free` stays untouched; `promised` is what runs that live have not taken yet, but will by all experience.
    `needs`: what a run of a kind takes, for kinds of which something is known. `live`: runs of the whole home.
    `youngest`: of those that were not asked to stop, the latest. `making_room`: one was asked to, for its memory.
    """

    machine: Machine
    keep_free: int
    promised: int = 0
    needs: Mapping[str, int] = field(default_factory=dict)
    live: int = 0
    youngest: str | None = None
    making_room: bool = False

    @property
    def left(self) -> int:
        return self.machine.available - self.keep_free - self.promised

    def lacks_for(self, kind: str, live: int, left: int) -> bool:
        """Whether one more run of the kind does not fit; one alone always may try."""
        need = self.needs.get(kind, 0)
        return need > 0 and live > 0 and need > left

    @property
    def to_stop(self) -> str | None:
        """The run that has to make room, when memory has run out; never the last one."""
        if self.machine.out_of_memory and self.live > 1 and not self.making_room:
            return self.youngest
        return None

    def words(self, kind: str) -> str:
        """Why a run of the kind has to wait, with the figures."""
        promised = f", {gigabytes(self.promised)} are promised to agents at work" if self.promised else ""
        return (
            f"{kind} takes about {gigabytes(self.needs.get(kind, 0))}; {gigabytes(self.machine.available)} of "
            f"{gigabytes(self.machine.total)} memory are available, {gigabytes(self.keep_free)} are kept free{promised}"
        )


@dataclass(frozen=True)
class Taking:
    """What a run takes, in bytes: `whole`, or `more` where the process of its `group` is there; `taken`: by now."""

    group: object
    whole: int
    more: int
    taken: int


def promised(runs: Iterable[Taking]) -> int:
    """What runs have not taken yet, but will. Those of a group share one process: only together do they lack."""
    lacking: dict[object, int] = {}
    for run in runs:
        need = run.more if run.group in lacking else run.whole
        lacking[run.group] = lacking.get(run.group, 0) + need - run.taken
    return sum(max(0, lack) for lack in lacking.values())


def keep_free(total: int) -> int:
    """What is kept free where nobody has said how much."""
    return max(KEEP_FREE_LEAST, int(KEEP_FREE_SHARE * total))


def gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"
