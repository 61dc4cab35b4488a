"""Names of polecats: lowest free first, per rig."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from boomtown.domain.branches import slug

POOL = (
    "Toast", "Maple", "Birch", "Shadow", "Copper", "Ember", "Frost", "Sage", "Flint", "Cedar",
    "Dusk", "Slate", "Thorn", "Drift", "Spark", "Onyx", "Moss", "Rust", "Wren", "Quartz",
)  # fmt: skip

RESERVED = frozenset({"mayor", "witness", "refinery", "deacon", "crew", "warm", "scratch"})
"""Never a polecat's, in any case: other roles, and the folders beside its worktree."""


def lowest_free(taken: Iterable[str], pool: Sequence[str] = POOL) -> str:
    """The first name of `pool` that no live polecat of the rig has; past the pool `Polecat-<n>`, n from pool size + 1.

    Compared as slugs, because branches and worktrees are called so.
    """
    busy = {slug(name) for name in taken}
    for name in pool:
        if slug(name) not in busy:
            return name
    number = len(pool) + 1
    while f"polecat-{number}" in busy:
        number += 1
    return f"Polecat-{number}"


def identity(rig_name: str, name: str) -> str:
    """`<rig>/polecats/<Name>`."""
    return f"{rig_name}/polecats/{name}"
