"""Sessions of people in a browser: a signed cookie, got for a token or by a link that works once."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import deque

from boomtown.domain.seams import Clock

SESSION_S = 30 * 86_400
"""How long somebody stays logged in."""
LINK_S = 600
"""How long a link works."""
MOST_LINKS = 20
WRONG_TOKENS = 10
WRONG_WINDOW_S = 60.0
"""More wrong tokens than this, in so many seconds, and the next ones are not looked at."""


class Sessions:
    """The sessions of one home. A cookie is signed with its token: a new token ends them all, a restart ends none."""

    def __init__(self, token: bytes, clock: Clock) -> None:
        self._key = hmac.digest(token, b"boomtown session", "sha256")
        self._clock = clock
        self._links: dict[str, tuple[float, str]] = {}
        self._ended: set[str] = set()
        self._wrong: deque[float] = deque(maxlen=WRONG_TOKENS)
        self.cookie = f"boomtown-{hashlib.sha256(self._key).hexdigest()[:8]}"
        """The cookie's name: browsers share cookies among all ports of a host, and so among homes."""

    def begin(self, who: str) -> str:
        """The cookie of a new session of the person with the id `who`."""
        said = f"{int(self._clock.now()) + SESSION_S}.{secrets.token_urlsafe(12)}.{who}"
        return f"{said}.{self._sign(said)}"

    def holder(self, cookie: str) -> str | None:
        """Whose session a cookie is; None unless it is one of ours, not expired and not ended."""
        said, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(said).encode()) or cookie in self._ended:
            return None
        expires, _, rest = said.partition(".")
        return rest.partition(".")[2] if int(expires) > self._clock.now() else None

    def end(self, cookie: str) -> None:
        """Log out; until the next restart also whoever has copied the cookie."""
        if self.holder(cookie) is not None:
            self._ended.add(cookie)

    def new_link(self, who: str) -> str:
        """A code that begins one session of `who`, within ten minutes."""
        while len(self._links) >= MOST_LINKS:
            self._links.pop(next(iter(self._links)))
        code = secrets.token_urlsafe(24)
        self._links[code] = (self._clock.monotonic() + LINK_S, who)
        return code

    def path_of_link(self, who: str) -> str:
        """Where a new link leads, behind the server's URL."""
        return f"/login?code={self.new_link(who)}"

    def use_link(self, code: str) -> str | None:
        """Whose session the code begins; None if it is not good, which it is not any more after this."""
        until, who = self._links.pop(code, (0.0, ""))
        return who if until > self._clock.monotonic() else None

    def wait_s(self) -> float:
        """How long wrong tokens have to wait now; 0: they don't."""
        if len(self._wrong) < WRONG_TOKENS:
            return 0.0
        return max(0.0, self._wrong[0] + WRONG_WINDOW_S - self._clock.monotonic())

    def was_wrong(self) -> None:
        """Somebody came with a wrong token."""
        self._wrong.append(self._clock.monotonic())

    def _sign(self, said: str) -> str:
        return hmac.new(self._key, said.encode("utf-8", "surrogateescape"), "sha256").hexdigest()
