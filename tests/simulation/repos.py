"""A model of git that is large enough for a town: commits, trees, refs, merges, worktrees; and a remote."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MARKED = "<<<<<<<"
Files = Mapping[str, str]


@dataclass(frozen=True)
class Commit:
    """`files` has a word for the content of each path. `town`: made by the town itself. `line`: it and all before."""

    id: str
    files: Files
    parents: tuple[str, ...] = ()
    town: bool = False
    bead_id: str | None = None
    run_id: str | None = None
    line: frozenset[str] = frozenset()


class Objects:
    """All commits of all repositories; nothing is ever collected."""

    def __init__(self) -> None:
        self.commits: dict[str, Commit] = {}
        self._numbers = itertools.count(1)

    def commit(
        self,
        files: Files,
        parents: Iterable[str] = (),
        *,
        town: bool = False,
        bead_id: str | None = None,
        run_id: str | None = None,
    ) -> str:
        made = f"c{next(self._numbers)}"
        parents = tuple(parents)
        line = frozenset({made}).union(*(self.commits[parent].line for parent in parents))
        self.commits[made] = Commit(made, dict(files), parents, town, bead_id, run_id, line)
        return made

    def files(self, commit: str | None) -> Files:
        return self.commits[commit].files if commit else {}

    def contains(self, commit: str | None, ancestor: str) -> bool:
        return commit is not None and ancestor in self.commits[commit].line

    def fork(self, one: str | None, other: str | None) -> str | None:
        """The newest commit that both have."""
        if one is None or other is None:
            return None
        common = self.commits[one].line & self.commits[other].line
        return max(common, key=lambda commit: (len(self.commits[commit].line), commit), default=None)

    def merge(self, ours: str, theirs: str) -> tuple[dict[str, str], tuple[str, ...]]:
        """The files of both, and those in conflict."""
        base, mine, other = (self.files(commit) for commit in (self.fork(ours, theirs), ours, theirs))
        merged, conflicts = dict(mine), []
        for path in sorted({*base, *mine, *other}):
            was, here, there = base.get(path), mine.get(path), other.get(path)
            if here == there or there == was:
                continue
            if here == was:
                if there is None:
                    merged.pop(path, None)
                else:
                    merged[path] = there
            else:
                conflicts.append(path)
        return merged, tuple(conflicts)

    def own_commits(self, tip: str | None, base: str | None) -> int:
        """Commits ahead of the base that the town did not make, if they change anything."""
        if tip is None or self.files(tip) == self.files(self.fork(tip, base)):
            return 0
        ahead = self.commits[tip].line - (self.commits[base].line if base else frozenset())
        return sum(not self.commits[commit].town and bool(self.commits[commit].parents) for commit in ahead)

    def marked(self, tip: str | None, base: str | None) -> tuple[str, ...]:
        """Files in which the branch left conflict markers."""
        before = self.files(self.fork(tip, base))
        return tuple(
            path for path, word in self.files(tip).items() if word.startswith(MARKED) and before.get(path) != word
        )


@dataclass
class Worktree:
    """A folder. `dirty`: what is not committed. `merging`: the commit that is merged in, and what conflicts."""

    slug: str
    branch: str
    dirty: dict[str, str] = field(default_factory=dict)
    merging: str | None = None
    conflicts: tuple[str, ...] = ()
    half_made: bool = True


@dataclass
class Remote:
    """Somebody's repository. `refuses` and `away`: it says no, or nothing."""

    main: str
    branches: dict[str, str] = field(default_factory=dict)
    refuses: bool = False
    away: bool = False


@dataclass
class Clone:
    """The bare clone of a rig, on the container's disk."""

    remote: Remote
    origin: str
    heads: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    worktrees: dict[str, Worktree] = field(default_factory=dict)

    def reachable(self, objects: Objects) -> frozenset[str]:
        """Every commit that a ref leads to, here or over there."""
        tips = {
            *self.heads.values(),
            *self.kept.values(),
            self.origin,
            self.remote.main,
            *self.remote.branches.values(),
        }
        return frozenset().union(*(objects.commits[tip].line for tip in tips))
