"""Finds rigs, beads, polecats, merges and runs by id or name, or by a unique beginning of one of them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from boomtown.domain.errors import BadInputError, NotFoundError
from boomtown.store import beads, merges, rigs, runs, sql, tables
from boomtown.store.sql import Row


def town(db: Connection, ref: str | None) -> Row:
    """By id or name; None is the first town."""
    known = rigs.all_towns(db)
    if ref is None:
        return known[0]
    for row in known:
        if ref in (row["id"], row["name"]):
            return row
    raise NotFoundError(f"There is no town “{ref}”. There are: {_names(row['name'] for row in known)}.")


def rig(db: Connection, ref: str) -> Row:
    """By id, name (without regard to case) or a unique beginning of either."""
    if (row := rigs.rig_named(db, ref) or sql.by_id(db, tables.rigs, ref)) is not None:
        return row
    known = rigs.all_rigs(db)
    fitting = [row for row in known if ref and (row["id"].startswith(ref) or row["name_key"].startswith(ref.lower()))]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise _ambiguous("rig", ref, [f"{row['name']} ({row['id']})" for row in fitting])
    names = _names(row["name"] for row in known)
    raise NotFoundError(f"There is no rig “{ref}”. {f'There are: {names}.' if known else 'Add one: boomtown rig add.'}")


def bead(db: Connection, ref: str) -> Row:
    """By id, the name of the polecat that has it, or a unique beginning of either."""
    if (row := sql.by_id(db, tables.beads, ref)) is not None:
        return row
    registered = runs.registered(db)
    if workers := _called(registered, ref):
        return _hooked(db, _only("polecat", ref, workers))
    fitting = beads.matching(db, ref) if ref else []
    fitting += [_hooked(db, worker) for worker in _called(registered, ref, beginning=True)]
    fitting = list({row["id"]: row for row in fitting}.values())
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise _ambiguous("bead", ref, [f"{row['id']} ({row['title'][:40]})" for row in fitting])
    raise NotFoundError(f"There is no bead “{ref}”. `boomtown beads RIG` lists them; a beginning of the id will do.")


def polecat(db: Connection, ref: str) -> Row:
    """By id, name, `rig/Name`, identity, a unique beginning of these, or its bead: the latest that had it.

    As `store.runs.registered` gives it.
    """
    if (row := sql.by_id(db, tables.polecats, ref)) is not None:
        return _with_rig(db, row)
    registered = runs.registered(db)
    if workers := _called(registered, ref):
        return _only("polecat", ref, workers)
    fitting = [row for row in registered if ref and row["id"].startswith(ref)]
    if fitting or (fitting := _called(registered, ref, beginning=True)):
        return _only("polecat", ref, fitting)
    try:
        hooked = bead(db, ref)
    except NotFoundError:
        names = _names(f"{row['rig_name']}/{row['name']}" for row in registered)
        cure = f"There are: {names}." if registered else "None is registered now."
        raise NotFoundError(f"There is no polecat “{ref}”. {cure}") from None
    row = runs.polecat_of_bead(db, hooked["id"], released=True)
    if row is None:
        raise NotFoundError(f"The bead “{hooked['title']}” has no polecat yet; it is {hooked['status']}.")
    return _with_rig(db, row)


def run(db: Connection, ref: str) -> Row:
    """A run by id, or the latest of a polecat or bead."""
    if (row := sql.by_id(db, tables.runs, ref)) is not None:
        return row
    if ref:
        table = tables.runs
        fitting = sql.rows(db, select(table).where(table.c.id.startswith(ref, autoescape=True)).limit(11))
        if len(fitting) == 1:
            return fitting[0]
    worker = polecat(db, ref)
    latest = runs.last_of_polecats(db, [worker["id"]]).get(worker["id"])
    if latest is None:
        raise NotFoundError(f"The polecat {worker['name']} has no run yet.")
    return latest


def merge(db: Connection, ref: str) -> Row:
    """By id, a unique beginning of it, or its bead (the latest)."""
    fitting = merges.matching(db, ref) if ref else []
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise _ambiguous("merge", ref, [row["id"] for row in fitting])
    try:
        latest = merges.last_of_bead(db, bead(db, ref)["id"])
    except NotFoundError:
        latest = None
    if latest is None:
        raise NotFoundError(f"There is no merge “{ref}”. `boomtown merges RIG` lists them.")
    return latest


def _called(registered: list[Row], ref: str, *, beginning: bool = False) -> list[Row]:
    """Those that are called so, or whose name has this beginning."""
    rig_name, slash, name = ref.replace("/polecats/", "/").rpartition("/")
    of_rig = [row for row in registered if not slash or row["rig_name"].lower() == rig_name.lower()]
    if beginning:
        return [row for row in of_rig if name and row["name"].casefold().startswith(name.casefold())]
    return [row for row in of_rig if row["name"].casefold() == name.casefold()]


def _hooked(db: Connection, worker: Row) -> Row:
    bead = sql.by_id(db, tables.beads, worker["bead_id"])
    assert bead is not None
    return bead


def _with_rig(db: Connection, row: Row) -> Row:
    owner = sql.by_id(db, tables.rigs, row["rig_id"])
    assert owner is not None
    return {**row, "rig_name": owner["name"]}


def _only(what: str, ref: str, rows: list[Row]) -> Row:
    if len(rows) > 1:
        raise _ambiguous(what, ref, [f"{row['rig_name']}/{row['name']}" for row in rows])
    return rows[0]


def _ambiguous(what: str, ref: str, candidates: list[str]) -> BadInputError:
    shown = ", ".join(candidates[:10]) + (", …" if len(candidates) > 10 else "")
    return BadInputError(f"“{ref}” fits more than one {what}: {shown}. Write more of it.", code="AMBIGUOUS")


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)
