"""The socket on which the server listens."""

from __future__ import annotations

import socket
from pathlib import Path

from boomtown.api.listening import listen
from boomtown.home.paths import Home


def test_what_is_accepted_sends_each_answer_at_once(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    with listen(home, "127.0.0.1", 0, agents_live=False) as listening:
        listening.settimeout(30)
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
