"""What this machine has of memory, the limits of a surrounding container included."""

from __future__ import annotations

import re
from pathlib import Path

import psutil

from boomtown.domain.memory import Machine

_PRESSURE = Path("/proc/pressure/memory")
_CGROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)


def read_memory() -> Machine:
    """How it is now. Costs a fraction of a millisecond."""
    found = psutil.virtual_memory()
    available, total = found.available, found.total
    for limit_file, used_file in _CGROUPS:
        limit, used = _number(limit_file), _number(used_file)
        if limit is not None and used is not None and limit < total:
            available, total = min(available, max(0, limit - used)), limit
    return Machine(available, total, _stalled_percent())


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # not there, or "max"
        return None


def _stalled_percent() -> float:
    try:
        match = re.search(r"^full avg10=([\d.]+)", _PRESSURE.read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return float(match[1]) if match else 0.0
