"""One order over the streams of all runs, in which a single growing number says how far somebody has read.

A stream is a file per run whose frames are numbered. This journal notes, in the order in which new frames were seen,
up to which frame each run's file went: `[position, run, seq]`. A frame's position follows by counting, so resuming
after any position is exact, also after a crash of the server, and no frame is stored twice.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_SPANS = 20_000
"""More are cut to half, the oldest first. Positions before the cut can't be resumed from."""


@dataclass(frozen=True)
class Span:
    """Frames `after` < seq <= `to` of a run; the last one has the position `end`."""

    end: int
    run_id: str
    after: int
    to: int

    def position(self, seq: int) -> int:
        return self.end - (self.to - seq)


class Positions:
    """The journal in the file at `path`.

    Where there is none it starts at `begin`, which must be past all positions ever given out: milliseconds of the clock
    will do. `exists` says whether a run's stream is still there; what is not is forgotten.
    """

    def __init__(self, path: Path, begin: int, exists: Callable[[str], bool]) -> None:
        self._path = path
        self._spans: list[Span] = []
        self._base: dict[str, int] = {}
        self._known: dict[str, int] = {}
        self.begin = 0
        """The oldest position from which one can resume."""
        if not self._load(exists):
            self.begin = begin
        self._rewrite()
        self._file = path.open("a", encoding="ascii")

    @property
    def end(self) -> int:
        """The position of the newest frame."""
        return self._spans[-1].end if self._spans else self.begin

    def known(self, run_id: str) -> int:
        """The last frame of a run that has a position; 0 if none has."""
        return self._known.get(run_id, 0)

    def add(self, run_id: str, seq: int) -> None:
        """A run's file now goes up to frame `seq`. It is on the disk's side after the next `flush`."""
        if seq <= self.known(run_id):
            return
        self._append(self.end + seq - self.known(run_id), run_id, seq)
        self._file.write(f'[{self.end},"{run_id}",{seq}]\n')
        if len(self._spans) > MOST_SPANS:
            self._cut()

    def flush(self) -> None:
        """Before positions are given out: a server that crashes after that must know them again."""
        self._file.flush()

    def after(self, position: int, floors: dict[str, int] | None = None) -> Iterator[Span]:
        """What came after `position`, in order; `floors`: for some runs only what comes after this frame."""
        first = bisect_right(self._spans, position, key=lambda span: span.end)
        for span in self._spans[first:]:
            after = max(span.after, span.to - (span.end - position), (floors or {}).get(span.run_id, 0))
            if after < span.to:
                yield Span(span.end, span.run_id, after, span.to)

    def before_begin(self, run_id: str, floor: int) -> Span | None:
        """Frames of a run past `floor` that are older than all positions kept."""
        base = self._base.get(run_id, 0)
        return Span(self.begin, run_id, floor, base) if base > floor else None

    def close(self) -> None:
        self._file.close()

    def _append(self, end: int, run_id: str, seq: int) -> None:
        known = self.known(run_id)
        if self._spans and self._spans[-1].run_id == run_id:
            known = self._spans.pop().after
        self._spans.append(Span(end, run_id, known, seq))
        self._known[run_id] = seq

    def _load(self, exists: Callable[[str], bool]) -> bool:
        """Read the file; False if there is none that makes sense."""
        try:
            lines = self._path.read_text(encoding="ascii").splitlines()
            head = json.loads(lines[0])
            self.begin = int(head["begin"])
            self._base = {run_id: int(seq) for run_id, seq in head["base"].items() if exists(run_id)}
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return False
        self._known = dict(self._base)
        for line in lines[1:]:
            try:
                end, run_id, seq = json.loads(line)
            except ValueError:
                continue  # torn by a crash
            self._append(end, run_id, seq)
        return True

    def _cut(self) -> None:
        gone, self._spans = self._spans[: MOST_SPANS // 2], self._spans[MOST_SPANS // 2 :]
        self.begin = gone[-1].end
        self._base |= {span.run_id: span.to for span in gone}
        self._file.close()
        self._rewrite()
        self._file = self._path.open("a", encoding="ascii")

    def _rewrite(self) -> None:
        draft = self._path.with_name(f".{self._path.name}.new")
        rows = [json.dumps({"begin": self.begin, "base": self._base})]
        rows += [f'[{span.end},"{span.run_id}",{span.to}]' for span in self._spans]
        draft.write_text("\n".join(rows) + "\n", encoding="ascii")
        draft.replace(self._path)
