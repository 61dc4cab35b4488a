"""Counting what one run uses, in the one meaning of `protocol.Usage`, from whatever its agent tells."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import structlog

from boomtown.container.agents.books import amount, figure, minus, most, plus, reader
from boomtown.container.protocol import Usage

log = structlog.get_logger()


class Meter:
    """`kind` is a preset's `usage`:

    * `database:PATH`, `rollouts:PATH`, `transcripts:PATH`: the agent keeps books, see `books`
    * `turn`: the answer to a prompt has the turn's tokens. With `transcripts`, too, which are written a moment
      later: there it is the least that was used
    * `meta.quota`: so it has, below `_meta`; `meta.usage`: each update has a step's, below `_meta`

    A cost that an agent tells is that of its process so far.
    """

    def __init__(
        self, kind: str, home: Path, books: Path | None = None, sessions: Callable[[], Collection[str]] = tuple
    ) -> None:
        """`books`: the HOME where the agent keeps them, if that is not `home`; only `sessions` there count."""
        self._kind = kind
        self._read = reader(kind, books, sessions) if books else reader(kind, home)
        name = "shared" if books else kind.partition(":")[0]
        self._counted = home / ".boomtown" / f"counted.{name}.json"
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
            noted = json.loads(self._counted.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return Usage()
        if not isinstance(noted, dict):
            return Usage()
        cost = noted.pop("cost_usd", None)
        figures = {field.name: figure(noted.get(field.name)) for field in fields(Usage) if field.name != "cost_usd"}
        return Usage(**figures, cost_usd=None if cost is None else amount(cost))

    async def settle(self) -> None:
        """The run is over: count, and note for the next one what is counted."""
        await self.count()
        if self._read is not None:
            try:
                await asyncio.to_thread(self._note)
            except OSError as error:  # a full disk, or what the agent put there, must not keep the run from its end
                log.warning("usage.unnoted", path=str(self._counted), error=str(error))

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

    def told_cost(self, cost: float, currency: str) -> None:
        if currency == "USD":
            self._told = plus(self._told, Usage(cost_usd=amount(cost) - (self._told.cost_usd or 0.0)))

    def told_meta(self, meta: dict[str, Any] | None) -> None:
        """An update's `_meta`."""
        usage = (meta or {}).get("usage")
        if self._kind == "meta.usage" and isinstance(usage, dict):
            self._told = plus(
                self._told,
                Usage(*(figure(usage.get(f"{name}Tokens")) for name in ("input", "cachedRead", "output", "thought"))),
            )

    def told_turn(self, usage: Any, meta: dict[str, Any] | None) -> None:
        """The answer to a prompt: its `usage` and `_meta`."""
        quota = (meta or {}).get("quota")
        if self._kind == "meta.quota" and isinstance(quota, dict):
            tokens = quota.get("token_count")
            tokens = tokens if isinstance(tokens, dict) else {}
            found = Usage(figure(tokens.get("input_tokens")), 0, figure(tokens.get("output_tokens")))
            self._told = plus(self._told, found)
        elif self._kind == "turn" and usage is not None:
            self._told = plus(self._told, _of_turn(usage))
        elif self._kind.startswith("transcripts:") and usage is not None:
            self._least = plus(self._at_turn, _of_turn(usage))


def _of_turn(usage: Any) -> Usage:
    told = (usage.cached_read_tokens, usage.thought_tokens, usage.input_tokens, usage.output_tokens, usage.total_tokens)
    read, reasoning, new, output, total = map(figure, told)
    # some count what was cached among the input, some beside it; the total has it once
    return Usage(max(new, total - output), read, output, reasoning)
