"""What the graphs of a polecat are drawn from."""

from __future__ import annotations

from boomtown.container.protocol import RunState
from boomtown.rig.figures import KEPT, Figures


def state(name: str, memory_bytes: int = 1, run_id: str = "one") -> RunState:
    ids = {"run_id": run_id, "number": 1, "rig": "web", "bead_id": "b", "polecat_id": "p"}
    return RunState(**ids, branch="x", worktree="w", state=name, cpu_percent=5.0, memory_bytes=memory_bytes)


def test_the_last_samples_of_each_live_run_are_kept_in_order() -> None:
    figures = Figures()
    for at in range(KEPT + 10):
        figures.note(float(at), [state("running", at + 1), state("running", 7, "two")])
    assert [sample.memory_bytes for sample in figures.of("one")] == list(range(11, KEPT + 11))
    assert figures.of("two")[-1].at == KEPT + 9


def test_what_is_not_measured_yet_is_no_sample_and_what_ended_is_forgotten() -> None:
    figures = Figures()
    figures.note(1.0, [state("starting", 0)])
    assert figures.of("one") == []
    figures.note(2.0, [state("running", 3)])
    figures.note(3.0, [state("exited", 3)])
    assert figures.of("one") == []
    assert figures.of(None) == []
