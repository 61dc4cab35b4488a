"""`python -m tests.drill.zygote boomtown`: starts servers of one home as fast as a fork, with all imported before.

For each line that it reads it starts one `boomtown up` and prints its pid. What it starts is a process like any other:
a session of its own, nothing shared, not waited for by anybody that matters.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback

from boomtown.api import serve
from boomtown.domain.errors import BoomtownError
from boomtown.home.paths import Home


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    home = Home.from_env()
    print("ready", flush=True)
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _serve(home)
        print(pid, flush=True)


def _serve(home: Home) -> None:
    """Never returns."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        said = os.open(home.root / "up.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in enumerate((nothing, said, said)):
            os.dup2(source, target)
        os.closerange(3, 64)
        port = None if home.port.exists() else 0
        status = serve.run(home, port=port, log_file=home.root / "server.log", on_ready=lambda _url, _login: None)
    except BoomtownError as error:
        print(f"boomtown: {error.message}", file=sys.stderr, flush=True)
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
