"""The roles of people: what each may do, a later one all that an earlier one may."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """`viewer` reads; `operator` slings and steps in; `admin` changes rigs, settings and users."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether whoever has this role may do what `needed` is asked for."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)
