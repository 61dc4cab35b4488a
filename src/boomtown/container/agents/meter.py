"""Counting what one run uses, in the one meaning of `protocol.Usage`, from whatever its agent tells."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from boomtown.container.agents.books import minus, most, plus, reader
from boomtown.container.protocol import Usage


class Meter:
    """`kind` is a preset's `usage`:

    * `database:PATH`, `rollouts:PATH`, `transcripts:PATH`: the agent keeps books, see `books`
    * `turn`: the answer to a prompt has the turn's tokens. With `transcripts`, too, which are written a moment
      later: there it is the least that was used
    * `meta.quota`: so it has, below `_meta`; `meta.usage`: each update has a step's, below `_meta`

    A cost that an agent tells is that of its process so far.
    """

    def __init__(self, kind: str, home: Path) -> None:
        self._kind = kind
        self._read = reader(kind, home)
        self._counted = home / ".boomtown" / f"counted.{kind.partition(':')[0]}.json"
        self._before = self._all = Usage()
        self._told = self._least = self._at_turn = Usage()
        self.usage: Usage | None = None

    async def begin(self) -> None:
        """What earlier runs have counted is not ours; what a run that was lost used is."""
        if self._read is not None:
            self._before = await asyncio.to_thread(self._earlier)
            await self.count()

    def _earlier(self) -> Usage:
        try:
            return Usage(**json.loads(self._counted.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Usage()

    async def settle(self) -> None:
        """The run is over: count, and note for the next one what is counted."""
        await self.count()
        if self._read is not None:
            await asyncio.to_thread(self._note)

    def _note(self) -> None:
        self._counted.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._counted.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self._all)), encoding="utf-8")
        draft.replace(self._counted)

    async def count(self) -> None:
        """Bring `usage` up to date."""
        if self._read is not None:
            self._all = await asyncio.to_thread(self._read)
            used = most(minus(self._all, self._before), self._least)
            cost = used.cost_usd if used.cost_usd is not None else self._told.cost_usd
            self.usage = Usage(used.input_tokens, used.cached_tokens, used.output_tokens, used.reasoning_tokens, cost)
        else:
            self.usage = self._told

    def turn_begins(self) -> None:
        """What an answer to a prompt tells is what was used from now on."""
        self._at_turn = self.usage or Usage()

    def told_cost(self, amount: float, currency: str) -> None:
        if currency == "USD":
            self._told = plus(self._told, Usage(cost_usd=amount - (self._told.cost_usd or 0.0)))

    def told_meta(self, meta: dict[str, Any] | None) -> None:
        """An update's `_meta`."""
        usage = (meta or {}).get("usage")
        if self._kind == "meta.usage" and isinstance(usage, dict):
            self._told = plus(
                self._told,
                Usage(
                    usage.get("inputTokens") or 0,
                    usage.get("cachedReadTokens") or 0,
                    usage.get("outputTokens") or 0,
                    usage.get("thoughtTokens") or 0,
                ),
            )

    def told_turn(self, usage: Any, meta: dict[str, Any] | None) -> None:
        """The answer to a prompt: its `usage` and `_meta`."""
        quota = (meta or {}).get("quota")
        if self._kind == "meta.quota" and isinstance(quota, dict):
            tokens = quota.get("token_count") or {}
            found = Usage(tokens.get("input_tokens") or 0, 0, tokens.get("output_tokens") or 0)
            self._told = plus(self._told, found)
        elif self._kind == "turn" and usage is not None:
            self._told = plus(self._told, _of_turn(usage))
        elif self._kind.startswith("transcripts:") and usage is not None:
            self._least = plus(self._at_turn, _of_turn(usage))


def _of_turn(usage: Any) -> Usage:
    read, reasoning = usage.cached_read_tokens or 0, usage.thought_tokens or 0
    # some count what was cached among the input, some beside it; the total has it once
    all_input = max(usage.input_tokens, usage.total_tokens - usage.output_tokens)
    return Usage(all_input, read, usage.output_tokens, reasoning)
