"""`python -m bench [PART…]`, all of them without: a table, and JSON below bench/results/."""

from __future__ import annotations

import json
import platform
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import admission, agents, dispatch, live, load, memory, page, rest, scale
from bench.ending import end_orderly

PARTS = {
    "dispatch": dispatch.measure,
    "rest": rest.measure,
    "live": live.measure,
    "scale": scale.measure,
    "load": load.measure,
    "page": page.measure,
    "agents": agents.measure,
    "admission": admission.measure,
    "memory": memory.measure,
}


def main() -> None:
    wanted = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in wanted if name not in PARTS]:
        sys.exit(f"bench: there is no part {unknown[0]!r}. Parts: {', '.join(PARTS)}.")
    end_orderly()
    results = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "python": platform.python_version()}
    for name in wanted:
        print(f"{name} …", flush=True)
        results[name] = PARTS[name]()
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps(results, indent=2), encoding="utf-8")
    _show(results)
    print(f"written: {path}")


def _show(results: dict) -> None:
    console = Console()
    for name, rows in _tables(results):
        table = Table(*rows[0], title=name, title_justify="left")
        for row in rows:
            table.add_row(*(str(value) for value in row.values()))
        console.print(table)


def _tables(results: dict) -> list[tuple[str, list[dict]]]:
    tables = [("dispatch", results["dispatch"])] if "dispatch" in results else []
    names = ("rest", "live", "scale", "load", "page", "agents", "admission", "memory")
    parts = [results.get(part, {}) for part in names]
    for name, value in [pair for part in parts for pair in part.items()]:
        tables.append((name, value if isinstance(value, list) else [value]))
    return tables


if __name__ == "__main__":
    main()
