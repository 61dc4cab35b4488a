"""What a start takes away of what nobody needs any more."""

from __future__ import annotations

import os
from pathlib import Path

from boomtown.home.paths import Home
from boomtown.home.upkeep import AGENT_HOMES_KEPT_S, drop_old_agent_homes

NOW = 1_800_000_000.0


def old_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    then = NOW - AGENT_HOMES_KEPT_S - 1
    os.utime(path, (then, then))
    return path


def test_a_home_that_many_share_stays_as_long_as_one_of_its_rigs_beads_does(tmp_path: Path) -> None:
    home = Home(tmp_path)
    web, api = home.rig("web"), home.rig("api")
    kept = [old_folder(web.agent_home("kept")), old_folder(web.shared_home("kilo"))]
    gone = [old_folder(web.agent_home("over")), old_folder(api.agent_home("over")), old_folder(api.shared_home("kilo"))]
    assert drop_old_agent_homes(home, NOW, {"kept"}) == 3
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone)
