"""Budgets: how much of one is spent, when that is worth a warning, and when nothing more may be spent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

WARN_AT = 0.8


class Scope(StrEnum):
    """Whose budget it is."""

    BEAD = "bead"
    RIG = "rig"
    HOME = "home"


@dataclass(frozen=True)
class Limits:
    """What may be spent, in US dollars and in tokens, in total and on one day; None: no bound."""

    usd: float | None = None
    tokens: float | None = None
    usd_per_day: float | None = None
    tokens_per_day: float | None = None

    @property
    def any(self) -> bool:
        return any(limit is not None for limit in vars(self).values())


@dataclass(frozen=True)
class Spent:
    """What runs have used, those that live included."""

    usd: float = 0.0
    tokens: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.usd + other.usd, self.tokens + other.tokens)


@dataclass(frozen=True)
class Purse:
    """One budget. `owner`: its bead's title, its rig's name, or empty. `limit_name`: which of `Limits`.

    `since` (epoch seconds): from when on counts; 0: from the beginning. `renews_at`: when one of a day begins anew.
    """

    scope: Scope
    owner: str
    limit_name: str
    limit: float
    spent: float
    since: float = 0.0
    renews_at: float | None = None
    warned: bool = False
    """Whether people were told that it nears its end, since then and for this limit."""

    @property
    def exhausted(self) -> bool:
        return self.spent >= self.limit

    @property
    def to_warn(self) -> bool:
        return not self.warned and self.spent >= WARN_AT * self.limit

    @property
    def words(self) -> str:
        """For people: how much of what is spent."""
        if self.limit_name.startswith("usd"):
            amounts = f"${self.spent:.2f} of ${self.limit:.2f}"
        else:
            amounts = f"{self.spent:,.0f} of {self.limit:,.0f} tokens"
        whose = {Scope.BEAD: "this bead", Scope.RIG: self.owner, Scope.HOME: "the whole home"}[self.scope]
        return f"{amounts} are spent on {whose}{' today' if self.renews_at else ''}"

    @property
    def cure(self) -> str:
        """What raises it, for people."""
        match self.scope:
            case Scope.BEAD:
                option = "--budget" if self.limit_name == "usd" else "--budget-tokens"
                return f"boomtown bead edit BEAD {option} …"
            case Scope.RIG:
                return f"boomtown rig set {self.owner} budget_{self.limit_name}=…"
        return f"boomtown restart, with a higher {self.limit_name} in [budget] of config.toml"


@dataclass(frozen=True)
class Day:
    """The day that counts for budgets of one day: from when to when (epoch seconds), and what was spent in it."""

    begins_at: float
    ends_at: float
    spent: Spent


def purses(scope: Scope, owner: str, limits: Limits, total: Spent, day: Day | None = None) -> Iterator[Purse]:
    """The budgets that `limits` sets, with what is spent in total and today."""
    for name, limit in vars(limits).items():
        if limit is None:
            continue
        spent, since, renews_at = total, 0.0, None
        if name.endswith("_per_day") and day is not None:
            spent, since, renews_at = day.spent, day.begins_at, day.ends_at
        yield Purse(scope, owner, name, limit, spent.usd if name.startswith("usd") else spent.tokens, since, renews_at)
