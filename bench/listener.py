"""Listens as browsers do: `python -m bench.listener HOST PORT PATH TOKEN VIEWERS SECONDS`; prints one JSON document.

Frames hold the time at which their line was printed. Of each viewer every run's numbers must follow without a gap.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

FRAME = re.compile(rb'"runId":"([0-9a-f-]+)","seq":(\d+),"at":"[^"]*","kind":"stdout","data":"T(\d+)"')


class Viewer:
    """One connection."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self.frames = 0
        self.lost = 0
        self._last: dict[bytes, int] = {}
        self._rest = b""

    async def listen(self, host: str, port: int, path: str, token: str, begin: float, end: float) -> None:
        reader, writer = await asyncio.open_connection(host, port, limit=1 << 22)
        writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {token}\r\n\r\n".encode())
        try:
            async with asyncio.timeout(end - time.time()):
                while data := await reader.read(1 << 18):
                    self._take(data, time.time(), begin)
        except TimeoutError:
            pass
        writer.close()

    def _take(self, data: bytes, now: float, begin: float) -> None:
        text = self._rest + data
        stop = 0
        for found in FRAME.finditer(text):
            stop = found.end()
            run, seq, printed = found[1], int(found[2]), int(found[3]) / 1e9
            self.lost += max(0, seq - self._last.get(run, seq - 1) - 1)
            self._last[run] = seq
            if now > begin and printed > begin:
                self.frames += 1
                self.late_ms.append((now - printed) * 1000)
        self._rest = text[stop:][-4096:]


async def main() -> None:
    host, port, path, token, viewers, seconds = sys.argv[1:]
    begin = time.time() + 3.0
    end = begin + float(seconds)
    everybody = [Viewer() for _ in range(int(viewers))]
    await asyncio.gather(*(viewer.listen(host, int(port), path, token, begin, end) for viewer in everybody))
    late = sorted(ms for viewer in everybody for ms in viewer.late_ms)
    at = {f"p{percent}_ms": round(late[int(len(late) * percent / 100)], 1) for percent in (50, 95, 99)} if late else {}
    frames = sum(viewer.frames for viewer in everybody)
    print(json.dumps({"frames": frames, "lost": sum(viewer.lost for viewer in everybody), **at}))


if __name__ == "__main__":
    asyncio.run(main())
