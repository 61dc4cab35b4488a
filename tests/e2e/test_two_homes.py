"""Two homes on one machine do not disturb each other."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from towns import Town, alive, eventually


def test_two_homes_side_by_side(new_town: Callable[..., Town]) -> None:
    one, other = new_town(), new_town()
    for town in (one, other):
        town.up()
        town.rig()
        town.sling("waits", "Wait", "Wait too")
    eventually(lambda: len(one.live_runs()) == len(other.live_runs()) == 2, "both are at work")
    assert {run.name for run in one.live_runs()} == {run.name for run in other.live_runs()} == {"Toast", "Maple"}
    assert one.url != other.url
    survivors = [run.pid for run in other.live_runs()]

    os.kill(one.container_pid, signal.SIGKILL)
    eventually(lambda: len(one.runs()) == 4 and len(one.live_runs()) == 2, "the first recovers")
    one.down("--now")
    assert [run.pid for run in other.live_runs() if alive(run.pid)] == survivors
    assert other.run("status").status == 0
    other.go()
    other.all_closed()
    assert len(other.runs()) == 2


def test_a_token_of_one_home_opens_nothing_in_another(new_town: Callable[..., Town]) -> None:
    one, other = new_town(), new_town()
    one.up()
    other.up()
    stolen = other.environment | {"BOOMTOWN_URL": other.url, "BOOMTOWN_TOKEN": (one.home / "token").read_text().strip()}
    ran = other.run("status", environment=stolen)
    assert ran.status == 1
    assert "does not accept the token" in ran.err
