"""The requests of `ContainerClient` by name: what comes over the wire, whom it is for, what goes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from boomtown.container import merging, pushing, scratch
from boomtown.container.clones import Clone
from boomtown.container.prepare import base_or_ours, give_back
from boomtown.container.protocol import (
    CloneSpec,
    DiffSpec,
    DisposeSpec,
    GateSpec,
    MergeSpec,
    Message,
    PushSpec,
    RunSpec,
    Surroundings,
    from_wire,
    to_wire,
)
from boomtown.container.service import Container
from boomtown.container.wire import error_to_wire
from boomtown.domain.errors import BoomtownError, UnavailableError, UnsupportedError
from boomtown.home.steps import reach

log = structlog.get_logger()

Handler = Callable[[dict[str, Any]], Awaitable[Any]]


class Requests:
    """Answers each request, whatever comes of it."""

    def __init__(self, container: Container, shut_down: Callable[[], None]) -> None:
        self._container = container
        self._shut_down = shut_down

    async def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request; an error is an answer too."""
        op = message.get("op", "")
        self._container.busy += 1
        self._container.keep_reporting()
        try:
            handler = getattr(self, f"_{op}", None)
            if handler is None:
                raise UnsupportedError(f"This container does not know the request {op!r}.")
            reach("asked", op)
            result = to_wire(await handler(**message.get("args", {})))
            reach("answering", op)
            return {"id": message["id"], "result": result}
        except BoomtownError as error:
            return {"id": message["id"], "error": error_to_wire(error)}
        except Exception as error:
            log.exception("request.failed", op=op)
            trouble = UnavailableError(f"The container failed at {op}: {error}. See logs/container.log in the home.")
            return {"id": message["id"], "error": error_to_wire(trouble)}
        finally:
            self._container.busy -= 1

    async def _start(self, spec: dict[str, Any]) -> Any:
        return await self._container.start(from_wire(RunSpec, spec))

    async def _stop(self, run_id: str, grace_s: float, gently: bool = False) -> bool:
        return self._container.stop(run_id, grace_s, gently)

    async def _tell(self, run_id: str, messages: list[dict[str, Any]]) -> bool:
        return self._container.tell(run_id, tuple(from_wire(Message, message) for message in messages))

    async def _attach(self, run_id: str, by: str, pid: int, command: list[str]) -> Any:
        ticket, attached = await self._container.attach(run_id, by, pid, command)
        return [ticket, to_wire(attached)]

    async def _detach(self, run_id: str, ticket: str, how: str) -> bool:
        return self._container.detach(run_id, ticket, how)

    async def _forget(self, run_ids: list[str]) -> None:
        self._container.forget(run_ids)

    async def _inspect(self, rig: str, branch: str, worktree_slug: str, base_branch: str) -> Any:
        return await self._container.inspect(rig, branch, worktree_slug, base_branch)

    async def _dispose(self, spec: dict[str, Any]) -> Any:
        return await self._container.dispose(from_wire(DisposeSpec, spec))

    async def _open_worktree(self, rig: str, branch: str, worktree_slug: str, base_branch: str) -> str:
        trees = self._container.trees(rig)
        await give_back(trees, worktree_slug, branch, base_branch)
        if not trees.path(worktree_slug).exists():
            trees.check_disk()
            await trees.create(worktree_slug, branch, await base_or_ours(trees.clone, base_branch))
            trees.finish(worktree_slug)
        return str(trees.path(worktree_slug))

    async def _open_scratch(self, rig: str, what: str, around: dict[str, Any]) -> str:
        return str(await scratch.open_scratch(self._container.trees(rig), what, from_wire(Surroundings, around)))

    async def _close_scratch(self, rig: str, name: str) -> None:
        trees = self._container.trees(rig)
        scratch.close_scratch(trees, name)
        self._container.later(trees.empty_trash())

    async def _clone(self, spec: dict[str, Any]) -> Any:
        return await self._container.clone(from_wire(CloneSpec, spec))

    async def _remove_rig(self, rig: str) -> None:
        await self._container.remove_rig(rig)

    async def _unmerged_branches(self, rig: str, base_branch: str) -> list[str]:
        return await merging.unmerged_branches(self._clone_of(rig), base_branch)

    async def _merge(self, spec: dict[str, Any]) -> Any:
        wanted = from_wire(MergeSpec, spec)
        return await merging.plan_merge(self._clone_of(wanted.rig), wanted)

    async def _is_landed(self, rig: str, base_branch: str, commit: str) -> bool:
        return await pushing.is_landed(self._clone_of(rig), base_branch, commit)

    async def _gates(self, spec: dict[str, Any]) -> Any:
        return await self._container.gates(from_wire(GateSpec, spec))

    async def _push(self, spec: dict[str, Any]) -> Any:
        wanted = from_wire(PushSpec, spec)
        return await pushing.push(self._clone_of(wanted.rig), wanted)

    async def _push_branch(self, rig: str, branch: str) -> Any:
        return await pushing.push_branch(self._clone_of(rig), branch)

    async def _retire_branch(self, rig: str, branch: str, bead_id: str) -> None:
        await merging.retire_branch(self._clone_of(rig), branch, bead_id)

    async def _diff(self, spec: dict[str, Any]) -> Any:
        wanted = from_wire(DiffSpec, spec)
        trees = self._container.trees(wanted.rig)
        return await merging.diff(trees, wanted, await base_or_ours(trees.clone, wanted.base_branch))

    async def _pull(self, rig: str, base_branch: str) -> str:
        return await pushing.pull(self._clone_of(rig), base_branch)

    async def _head(self, rig: str, base_branch: str) -> Any:
        return await merging.head(self._clone_of(rig), base_branch)

    def _clone_of(self, rig: str) -> Clone:
        return self._container.clones.get(rig)

    async def _shutdown(self) -> None:
        self._container.check_idle()
        self._shut_down()
