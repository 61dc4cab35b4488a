"""A database that has lost all it held is not taken for a new home's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from boomtown.domain.errors import UnavailableError
from boomtown.home.clock import SystemClock, new_id
from boomtown.home.paths import Home
from boomtown.rig.compose import open_database


def test_an_empty_database_beside_clones_is_refused_and_a_new_home_is_not(tmp_path: Path) -> None:
    home, nobody = Home(tmp_path / "home"), None
    home.create()
    scheduler: Any = nobody
    home.rig("web").root.mkdir()
    (home.rig("web").root / "origin.json").write_text("{}")
    for content in (b"", None):
        home.database.unlink(missing_ok=True)
        if content is not None:
            home.database.write_bytes(content)
        with pytest.raises(UnavailableError, match=r"clones of rigs \(web\).*boomtown restore"):
            open_database(home, scheduler, "home", SystemClock(), new_id)
    (home.rig("web").root / "origin.json").unlink()
    open_database(home, scheduler, "home", SystemClock(), new_id).close()
