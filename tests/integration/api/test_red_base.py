"""A base whose gate was red is not red for ever."""

from __future__ import annotations

from pathlib import Path

from served_town import ServedTown

from boomtown.store import merges, rigs, sql, tables


def test_a_retry_finds_out_anew_whether_the_base_is_red(tmp_path: Path) -> None:
    """Found by the simulation (seed 1750): a gate that flaked on the base kept it red until somebody pushed."""
    town = ServedTown(tmp_path / "home")
    row = {
        "id": "merge",
        "bead_id": town.bead,
        "branch": "b",
        "status": "base_red",
        "created_at": 1.0,
        "updated_at": 1.0,
    }
    town.database.write_now(lambda db: merges.add(db, town.rig, **row))
    town.database.write_now(lambda db: rigs.remember_gate_result(db, town.rig, "tree", "gates", False, "make", 1.0))
    town.loop.run_until_complete(town.runtime.town.retry_merge("user:ann", "merge"))
    assert town.database.read_now(lambda db: rigs.gate_result(db, town.rig, "tree", "gates")) is None
    merge = town.database.read_now(lambda db: sql.by_id(db, tables.merges, "merge")) or {}
    assert merge["status"] == "waiting"
    town.close()
