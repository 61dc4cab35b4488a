"""The dashboard's first load in a real Chromium: what goes over the wire, and when it can be used."""

from __future__ import annotations

import shutil
import statistics
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from bench.town import Town, make_repository

ROUNDS = 5
LOADED = """() => performance.getEntriesByType('resource')
  .filter((entry) => entry.name.includes('/assets/'))
  .reduce((sum, entry) => sum + entry.encodedBodySize, 0)"""
SINCE_BEGIN = "() => performance.now()"


def measure() -> dict[str, Any]:
    """Medians over fresh browser profiles: compressed bytes, and ms from the navigation until Sling can be pressed."""
    with Town() as town, sync_playwright() as playwright:
        origin = make_repository(town.folder / "origin.git", 10)
        town.cli("rig", "add", "bench", str(origin), "--agent", "probe")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        loads = [_load(browser, town) for _ in range(ROUNDS)]
        browser.close()
    row = {
        "kB": round(loads[0][0] / 1000, 1),
        "aim_kB": 250,
        "usable_after_ms": round(statistics.median(ms for _, ms in loads)),
        "aim_ms": 1000,
    }
    print(f"  page: {row}", flush=True)
    return {"page": row}


def _load(browser: Browser, town: Town) -> tuple[int, float]:
    context = browser.new_context()
    page = context.new_page()
    link = town.call("createLoginLink")["path"]
    page.goto(town.url + link, wait_until="commit")
    sling = page.get_by_role("button", name="Sling").first
    sling.wait_for()
    while not sling.is_enabled():
        pass
    usable, size = page.evaluate(SINCE_BEGIN), page.evaluate(LOADED)
    context.close()
    return size, usable
