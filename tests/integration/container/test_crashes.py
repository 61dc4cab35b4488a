"""An agent that is spoken with and crashes: what it wrote on its standard error says why."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from container_kit import Kit, repository, until

from boomtown.container.protocol import Talk

AGENT = (sys.executable, str(Path(__file__).parent / "failing_agent.py"))


@pytest.mark.parametrize(
    ("how", "code", "number", "error"),
    [("exit", 7, None, None), ("kill", None, 9, None), ("refuse", 1, None, "Nothing works")],
)
async def test_the_end_of_its_standard_error_is_told_without_its_secrets(
    tmp_path: Path, how: str, code: int | None, number: int | None, error: str | None
) -> None:
    kit = Kit(tmp_path)
    async with kit.inside(repository(tmp_path)) as container:
        spec = kit.spec(prompt=how, adapter="acp", command=AGENT, talk=Talk(), secrets=("s3cr3t-k3y",))
        await container.start(spec)
        await until(lambda: container.hello().runs[0].state == "exited", 60)
        [run] = container.hello().runs
    words = "1\n2\n3\n4\npanic: out of luck, key •••"
    assert (run.exit_code, run.signal, run.last_words) == (code, number, words)
    assert run.error == (error and f"{error} Its standard error ends: {words}")
