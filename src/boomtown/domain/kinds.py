"""Agent kinds that can't be used for a while: a provider's limit is used up, or a login is missing.

A kind is suspended for the whole home. After a time that the provider reported everything goes on; without one, and
after a new login, a single run probes it first, and the rest follows when that has been answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Refused(StrEnum):
    """Why a provider answers an agent with nothing; also the `queue_reason` of beads that wait for it."""

    QUOTA = "quota"
    AUTH = "auth"


@dataclass(frozen=True)
class Refusal:
    """A run's model was refused, in the agent's `words`. `until`: when that is over, if it was said (epoch seconds)."""

    why: Refused
    words: str
    until: float | None = None


@dataclass(frozen=True)
class KindState:
    """What is known of a kind that was refused last at `since`.

    `until`: when it is tried again; None: when a person has logged in. `reported`: the provider said so. `step`: how
    often in a row there was no such word.
    """

    kind: str
    why: Refused
    words: str
    since: float
    until: float | None
    reported: bool
    step: int = 0

    def blocks(self, now: float) -> bool:
        """Whether nothing of this kind may start."""
        return self.until is None or now < self.until

    def probing(self, now: float) -> bool:
        """Whether one run may start, to see."""
        return not self.blocks(now) and not self.reported


def refused(
    known: KindState | None, kind: str, refusal: Refusal, claimed_at: float, now: float, backoff_s: Sequence[float]
) -> KindState:
    """The state after a run that was claimed at `claimed_at` was refused.

    Of many runs that were under way when it began, each says the same again; only a probe makes the back-off longer.
    """
    probe = known is not None and claimed_at >= known.since
    if known is not None and not probe and known.blocks(now) and known.why == Refused.AUTH:
        return known
    if refusal.why == Refused.AUTH:
        return KindState(kind, refusal.why, refusal.words, now, None, False)
    if refusal.until is not None and refusal.until > now:
        until = refusal.until if probe or known is None else max(refusal.until, known.until or 0.0)
        return KindState(kind, refusal.why, refusal.words, now, until, True)
    if known is not None and not probe and known.blocks(now):
        return known
    step = known.step + 1 if known is not None and not known.reported else 1
    until = now + backoff_s[min(step, len(backoff_s)) - 1]
    return KindState(kind, refusal.why, refusal.words, now, until, False, step)
