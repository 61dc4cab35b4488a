"""What keeps agents' git from the town's, and from each other's branches.

The town's own git never reads the shared clone's configuration, hooks, attributes, grafts or alternates: it looks at
the clone through a folder of its own (`town.git`) with links to what both share, objects and refs, and a configuration
that only the town writes. Agents' git gets hooks of ours, whatever the clone's configuration says: a worktree moves its
own branch and no other ref. That hook holds off mistakes and what is easy; a sandbox holds off the rest.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from stat import S_IFREG

import structlog

from boomtown.container.plain import read_line
from boomtown.home.paths import RigPaths

log = structlog.get_logger()

PUSH_REFUSAL = "Boomtown lands your branch: call done"

_SHARED = ("objects", "refs", "logs", "packed-refs", "worktrees")
"""What the town's view has of the clone."""
_NEVER_OURS = (
    "config.worktree", "commondir", "shallow", "info/attributes", "info/grafts", "objects/info/alternates",
    "objects/info/http-alternates", "objects/info/commit-graph", "objects/info/commit-graphs",
)  # fmt: skip
"""Files of a git repository that the town never makes, and that would change what others read in the clone."""

_HOOKS = ("pre-push", "reference-transaction")
_ASIDE = ".new"
"""How the name of a file ends that is about to take another's place."""

_PUSH_HOOK = f"""#!/bin/sh
echo "{PUSH_REFUSAL}" >&2
exit 1
"""

_REFS_HOOK = """#!/bin/sh
# A worktree moves its own branch, and what git keeps for each worktree; see githooks(5), reference-transaction.
# What is known of the remote moves only to where the remote is.
[ "$1" = prepared ] || exit 0

of_an_agent() {{
  pid=$$
  while [ "${{pid:-0}}" -gt 1 ]; do
    grep -qa BOOMTOWN_MARK= "/proc/$pid/environ" 2>/dev/null && return 0
    pid=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$pid/status" 2>/dev/null)
  done
  return 1
}}

slug= own= there=
case "$GIT_DIR" in
{places}esac
slug=${{slug%%/*}}
[ -z "$slug" ] || [ ! -f {branches}/"$slug" ] || read -r own < {branches}/"$slug"
if [ -z "$own" ]; then  # no worktree of ours: another repository, or the clone itself, where a person may do anything
  case "$(cd "${{GIT_DIR:-.}}" && pwd -P)/" in {repo}/*) ;; *) exit 0 ;; esac
  of_an_agent || exit 0
fi
while read -r _ new ref; do
  case "$ref" in
  "$own" | refs/worktree/* | refs/bisect/* | refs/rewritten/*) continue ;;
  refs/remotes/origin/HEAD) ;;
  refs/remotes/origin/*)
    branch=refs/heads/${{ref#refs/remotes/origin/}}
    [ -n "$there" ] || there=$(unset GIT_DIR; cd / && git ls-remote --heads "$(git config --file {config} \
      remote.origin.url)" && echo whole)
    case "$new" in
    *[!0]*) case "$there" in *"$new	$branch
"*) continue ;; esac ;;
    *) case "$there" in *"	$branch
"*) ;; *whole) continue ;; esac ;;
    esac ;;
  refs/stash)
    echo "Boomtown: the stash is shared by all worktrees. Commit on your own branch instead." >&2
    exit 1 ;;
  */*) ;;
  *) [ -z "$slug" ] || continue ;;
  esac
  echo "Boomtown: $ref is not this worktree's; it moves only its own branch${{own:+, ${{own#refs/heads/}}}}." >&2
  exit 1
done
exit 0
"""

_FOR_AGENTS = """[core]
	hooksPath = {hooks}
[remote "origin"]
	fetch = +refs/heads/*:refs/remotes/origin/*
	tagOpt = --no-tags
	followRemoteHEAD = never
"""
"""The hook lets what is known of the remote move: where there is a sandbox, nothing of it can be moved."""


class Guard:
    """One rig's. `renew` before each use puts back whatever somebody has changed."""

    def __init__(self, paths: RigPaths) -> None:
        self.view = paths.root / "town.git"
        """The clone as the town's git sees it."""
        self.hooks = paths.root / "hooks"
        self.for_agents = paths.root / "agents.gitconfig"
        self._repo = paths.repo
        self.branches = paths.root / "branches"
        """Which branch each worktree may move."""
        self._config: bytes | None = None
        self._config_at = paths.root / "clone.config"
        self._seen: tuple[object, ...] | None = None

    def configure(self, config: bytes) -> None:
        """From now on this is the clone's configuration."""
        write_private(self._config_at, config)
        self._config = self._seen = None

    @property
    def config(self) -> bytes:
        """What `configure` was told last."""
        if self._config is None:
            self._config = self._config_at.read_bytes()
        return self._config

    def own(self, slug: str, branch: str) -> None:
        """The worktree `slug` may move this branch."""
        self.branches.mkdir(exist_ok=True)
        write_private(self.branches / slug, f"refs/heads/{branch}\n".encode())

    def owned(self, slug: str) -> str | None:
        """The branch that the worktree `slug` may move; None if there is no word of it."""
        try:
            return read_line(self.branches / slug).removeprefix("refs/heads/")
        except OSError:
            return None

    def disown(self, slug: str) -> None:
        (self.branches / slug).unlink(missing_ok=True)

    def renew(self) -> None:
        """Nothing is written that is right already: the doctor looks at a clone while a container uses it."""
        if self._seen is not None and self._signature() == self._seen:
            return
        config = self.config
        hooks = quoted(str(self.hooks))
        self._make_view()
        self._empty_hooks()
        restored = [
            path
            for path, content, mode in (
                (self.view / "HEAD", b"ref: refs/heads/boomtown/none\n", 0o600),
                (self.view / "config", config, 0o600),
                (self.hooks / "pre-push", _PUSH_HOOK.encode(), 0o700),
                (self.hooks / "reference-transaction", self._refs_hook().encode(), 0o700),
                (self.for_agents, _FOR_AGENTS.format(hooks=hooks).encode(), 0o600),
                (self._repo / "config", config + f"[core]\n\thooksPath = {hooks}\n".encode(), 0o600),
            )
            if _put_right(path, content, mode)
        ]
        for name in _NEVER_OURS:
            path = self._repo / name
            if os.path.lexists(path):
                _remove(path)
                restored.append(path)
        if restored and self._seen is not None:
            log.info("clone.configuration_restored", rig=self._repo.parent.name)
        self._seen = self._signature()

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """What an agent's environment, which is `given`, needs besides for its git to obey our hooks in the clone."""
        count = given.get("GIT_CONFIG_COUNT", "")
        number = int(count) if count.isdecimal() else 0
        return {
            "GIT_CONFIG_COUNT": str(number + 1),
            f"GIT_CONFIG_KEY_{number}": f"includeIf.gitdir:{self._repo}/.path",
            f"GIT_CONFIG_VALUE_{number}": str(self.for_agents),
        }

    def _make_view(self) -> None:
        _make_folder(self.view)
        (self._repo / "logs").mkdir(exist_ok=True)
        for name in _SHARED:
            link, target = self.view / name, Path("..", self._repo.name, name)
            if not link.is_symlink() or link.readlink() != target:
                aside = link.with_name(f"{name}.{os.getpid()}.new")
                aside.unlink(missing_ok=True)
                aside.symlink_to(target)
                aside.replace(link)

    def _empty_hooks(self) -> None:
        _make_folder(self.hooks)
        for hook in self.hooks.iterdir():
            if hook.name not in _HOOKS and not hook.name.endswith(_ASIDE):
                _remove(hook)

    def _refs_hook(self) -> str:
        given, real = str(self._repo), os.path.realpath(self._repo)
        place = "{where}/worktrees/*) slug=${{GIT_DIR#{where}/worktrees/}} ;;\n"
        places = "".join(place.format(where=shlex.quote(path)) for path in dict.fromkeys((given, real)))
        branches, config = shlex.quote(str(self.branches)), shlex.quote(str(self._config_at))
        return _REFS_HOOK.format(places=places, repo=shlex.quote(real), branches=branches, config=config)

    def _signature(self) -> tuple[object, ...]:
        ours = (self._repo / "config", self.view / "config", self.view / "HEAD", self.for_agents, self.hooks)
        hooks = (self.hooks / name for name in _HOOKS)
        strange = tuple(name for name in _NEVER_OURS if os.path.lexists(self._repo / name))
        return (*map(_stamp, (*ours, *hooks)), strange)


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        stat = path.lstat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mode, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def quoted(value: str) -> str:
    """A value in git's configuration format."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace the file at once; a link in its place is replaced, not followed."""
    fd, aside = tempfile.mkstemp(prefix=f"{path.name}.", suffix=_ASIDE, dir=path.parent)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
    Path(aside).chmod(mode)
    Path(aside).replace(path)


def _put_right(path: Path, content: bytes, mode: int) -> bool:
    """Whether the file had to be written."""
    try:
        stat = path.lstat()
        if stat.st_mode == S_IFREG | mode and path.read_bytes() == content:
            return False
    except OSError:
        pass  # it is not there, or is no file of ours
    if path.is_dir() and not path.is_symlink():
        _remove(path)
    write_private(path, content, mode)
    return True


def _make_folder(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    path.mkdir(exist_ok=True, mode=0o700)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
