"""What agents say when their provider refuses them: a limit that is used up, a missing login, a passing trouble.

One table of patterns, by preset; those under "" are of providers, and hold for every program. The words were taken from
the programs that `home.presets` names, with a model server that answers as the providers document it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from boomtown.container.protocol import Refusal

QUOTA, AUTH, BUSY, FAILS = "quota", "auth", "busy", "fails"
"""`BUSY` and `FAILS` pass by themselves: too many requests just now, and a provider that fails."""

LONGEST_WORDS = 300

SIGNS: dict[str, tuple[tuple[str, str], ...]] = {
    "claude": (
        (QUOTA, r"\bhit your (\w+ )?limit\b|\busage limit reached\b|\b\w+ limit reached\b.*\bresets\b"),
        (QUOTA, r"credit balance is too low"),
        (AUTH, r"Invalid API key|Failed to authenticate|Please run /login|OAuth token (has expired|revoked)"),
        (BUSY, r"Request rejected \(429\)|temporarily limiting requests|Overloaded|\(529\)"),
    ),
    "codex": (
        (QUOTA, r"hit your usage limit|usage_limit_(exceeded|reached)|Quota exceeded\b"),
        (AUTH, r"unexpected status 401|refresh token (was|has)|Please log out and sign in again"),
        (BUSY, r"last status: 429"),
        (FAILS, r"unexpected status 5\d\d|stream disconnected|high demand"),
    ),
    "gemini": (
        (QUOTA, r"Daily quota|exhausted your (daily )?(quota|capacity)|quota will reset after"),
        (AUTH, r"API_KEY_INVALID|UNAUTHENTICATED|API key not valid|API key expired|PERMISSION_DENIED"),
        (BUSY, r"RESOURCE_EXHAUSTED|Resource has been exhausted"),
    ),
    "": (
        (QUOTA, r"insufficient_quota|exceeded your current quota|usage[_ ]limit (has been )?(reached|exceeded)"),
        (QUOTA, r"limit (has been )?reached\b.*\bresets?\b|out of credits|insufficient (credits|balance|funds)"),
        (AUTH, r"Authentication required|\b401\b.*(key|token|auth|credential)|\bUnauthorized\b"),
        (AUTH, r"(Incorrect|Invalid|No) API key|invalid x-api-key|authentication[_ ]error|API key not valid"),
        (AUTH, r"token (is|has) expired|Please (try signing in|log ?in) again|[Nn]ot logged in"),
        (BUSY, r"\b429\b|[Rr]ate[_ -]?[Ll]imit|Too Many Requests|[Oo]verloaded|\b529\b"),
        (FAILS, r"\b50[0-4]\b|Internal [Ss]erver [Ee]rror|Bad Gateway|Service Unavailable|api_error"),
        (FAILS, r"(?i)ECONNRE(SET|FUSED)|socket hang up|connection (error|reset|refused|closed|terminated|timed out)"),
        (FAILS, r"(?i)network (connection|request|socket) failed|(network|host) is (unreachable|down)|host not found"),
        (FAILS, r"(?i)fetch failed|request timed out|DNS lookup failed|socket connection was closed|unable to connect"),
    ),
}

SAID: dict[str, str] = {
    "claude": r"(You've hit your (\w+ )?limit\b|Claude (AI )?usage limit reached|\d+-hour limit reached|"
    r"Invalid API key|Please run /login|Credit balance is too low)",
    "codex": r"You've hit your usage limit\b",
}
"""How a turn that was refused may look like a turn that ended well: all that was said begins so."""
LONGEST_SAID = 300


@dataclass(frozen=True)
class Sign:
    """What some words mean. `until`: the moment they name (epoch seconds)."""

    kind: str
    until: float | None = None


def read(text: str, preset: str, now: float) -> Sign | None:
    """What an error says; None if nothing is known of it."""
    for kind, pattern in (*SIGNS.get(preset, ()), *SIGNS[""]):
        if re.search(pattern, text):
            until = moment(text, now) if kind in (QUOTA, BUSY) else None
            return Sign(QUOTA if kind == BUSY and _is_far(until, now) else kind, until)
    return None


def read_turn(said: str, preset: str, now: float) -> Refusal | None:
    """Whether all that was said in a turn that ended well is that it was refused."""
    words, pattern = said.strip(), SAID.get(preset)
    if pattern is None or len(words) > LONGEST_SAID or not re.match(pattern, words):
        return None
    sign = read(words, preset, now)
    return refusal(sign, words) if sign and sign.kind in (QUOTA, AUTH) else None


def refusal(sign: Sign, words: str) -> Refusal:
    return Refusal(AUTH if sign.kind == AUTH else QUOTA, shortened(words), sign.until)


def read_last_words(words: str, now: float) -> Refusal | None:
    """Of a program that is not spoken with and has failed: whether its last words are a provider's refusal."""
    for line in reversed(words.splitlines()):
        preset = next((name for name, pattern in SAID.items() if re.match(pattern, line.strip())), "")
        sign = read(line, preset, now)
        if sign is not None and (sign.kind == QUOTA or (preset and sign.kind == AUTH)):
            return refusal(sign, line)
    return None


@dataclass(frozen=True)
class Retry:
    """A Kilo or OpenCode waits until `at` (epoch seconds) for its try number `attempt`; see `home/retries.js`."""

    words: str
    attempt: int
    at: float


RETRY_MARK = "boomtown-retry: "


def retries(lines: Iterable[str]) -> list[Retry]:
    """Those that our plugin tells on standard error."""
    found = []
    for line in lines:
        match _told(line):
            case {"message": str(words), "attempt": int(attempt), "next": int() | float() as at}:
                found.append(Retry(words, attempt, at / 1000))
    return found


def _told(line: str) -> Any:
    if not line.startswith(RETRY_MARK):
        return None
    try:
        return json.loads(line.removeprefix(RETRY_MARK))
    except ValueError:
        return None


def read_retry(retry: Retry, preset: str, now: float) -> Refusal | None:
    """Whether there is no point in waiting with the agent."""
    sign = read(retry.words, preset, now)
    if _is_far(retry.at, now):
        return Refusal(QUOTA, shortened(retry.words), retry.at)
    if sign is None or sign.kind == FAILS:
        return None
    patience = {QUOTA: 2, AUTH: 1, BUSY: MOST_BUSY}[sign.kind]
    return refusal(sign, retry.words) if retry.attempt >= patience else None


FAR_S = 90.0
"""A wait that is longer is not waited for in a run."""
MOST_BUSY = 5
"""How often an agent may be told that there are too many requests before that is a limit."""


def _is_far(at: float | None, now: float) -> bool:
    return at is not None and at - now > FAR_S


# moments

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_SPAN = re.compile(
    r"\b(?:in|after|retry-after:?)\s+((?:\d+(?:\.\d+)?\s*(?:d|h|m|s)\w*[\s,]*(?:and )?)+)", re.IGNORECASE
)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([dhms])", re.IGNORECASE)
_EPOCH = re.compile(r"\|(\d{10})\b")
_CLOCK = re.compile(
    r"\b(?:resets?|try again|until)\s+(?:at\s+)?(?:(?P<month>[A-Z][a-z]{2})[a-z]*\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?"
    r"(?:\s+(?P<year>\d{4}))?,?\s+(?:at\s+)?)?(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s*(?P<half>[aApP])[mM]"
    r"(?:\s*\((?P<zone>[A-Za-z_/+-]+)\))?"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def moment(text: str, now: float) -> float | None:
    """The moment (epoch seconds) that a message names: `|1795600000`, `in 3 h 20 min`, `resets 12:29pm (UTC)`."""
    if found := _EPOCH.search(text):
        return float(found[1])
    if found := _CLOCK.search(text):
        return _at_clock(found, now)
    if found := _SPAN.search(text):
        return now + sum(float(number) * _UNITS[unit.lower()] for number, unit in _PART.findall(found[1]))
    return None


def _at_clock(found: re.Match[str], now: float) -> float | None:
    """The next moment at which a clock shows that; without a zone, this machine's."""
    zone = None
    if name := found["zone"]:
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            return None
    today = datetime.fromtimestamp(now, UTC).astimezone(zone)
    hour = int(found["hour"]) % 12 + (12 if found["half"] in "pP" else 0)
    at = today.replace(hour=hour, minute=int(found["minute"] or 0), second=0, microsecond=0)
    if found["month"] in _MONTHS:
        month, year = _MONTHS.index(found["month"]) + 1, int(found["year"] or today.year)
        try:
            at = at.replace(year=year, month=month, day=int(found["day"]))
        except ValueError:
            return None
        return at.timestamp() if found["year"] or at >= today else at.replace(year=year + 1).timestamp()
    # a minute that is not over yet has been reached: the clock shows no seconds
    return (at if at + timedelta(minutes=1) > today else at + timedelta(days=1)).timestamp()


def shortened(words: str) -> str:
    """On one line, for people."""
    line = " ".join(words.split())
    return line if len(line) <= LONGEST_WORDS else f"{line[: LONGEST_WORDS - 1]}…"
