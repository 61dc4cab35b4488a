"""A bare Starlette endpoint of server-sent events: `python -m bench.floor RUNS LINES_A_SECOND`; prints its port.

It makes the frames itself and sends each as one event: what any server-sent stream in this stack costs at the least.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

RUNS, RATE = int(sys.argv[1]), float(sys.argv[2])
TICK_S = 0.02


async def events(_request: Request) -> StreamingResponse:
    async def frames() -> AsyncIterator[str]:
        seqs = dict.fromkeys((f"{number:08x}-0000-4000-8000-000000000000" for number in range(RUNS)), 0)
        began = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            wanted = int((time.monotonic() - began) * RATE)
            for run, seq in seqs.items():
                for number in range(seq + 1, wanted + 1):
                    said = f"T{time.time_ns()}"
                    frame = {"agentId": run, "runId": run, "seq": number, "at": "", "kind": "stdout", "data": said}
                    yield f"data: {json.dumps(frame, separators=(',', ':'))}\nid: {number}\n\n"
                seqs[run] = max(seq, wanted)

    return StreamingResponse(frames(), media_type="text/event-stream")


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(
        Starlette(routes=[Route("/", events)]), http="h11", ws="none", lifespan="off", log_config=None
    )
    asyncio.run(uvicorn.Server(config).serve([listening]))
