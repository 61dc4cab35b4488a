"""Debian's Chromium over real towns. All tests here are one group: one worker has the browser, one at a time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.e2e.towns import Town

PATIENCE_MS = 60_000
OpenTab = Callable[..., Page]
MakeTown = Callable[..., Town]


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in this very hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.xdist_group("browser"))
            item.add_marker(pytest.mark.timeout(400))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser of a module; its event loop must not outlive it, other tests have their own."""
    program = shutil.which("chromium")
    assert program, "There is no chromium on PATH; `make setup-browser` installs it."
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def town_for_all() -> Iterator[MakeTown]:
    """Makes towns that all tests of a module share; each is up, and leaves nothing running."""
    made: list[Town] = []

    def make(**settings: Any) -> Town:
        town = Town(**settings)
        made.append(town)
        town.up()
        return town

    yield make
    for town in made:
        town.close()


def login_path(town: Town) -> str:
    """A link that works once, without the address of the server."""
    token = (town.home / "token").read_text().strip()
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.post(f"{town.url}/trpc/gastown.createLoginLink", json={}, headers=headers)
    return answer.json()["result"]["data"]["path"]


@pytest.fixture
def open_tab(chromium: Browser) -> Iterator[OpenTab]:
    """`open_tab(town, "/rigs/web")`: a page, logged in. What it complains of in its console fails the test.

    `failing`: requests are going to be refused or cut off, and that is no complaint. `url`: another way
    to the same town.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_one(
        town: Town,
        path: str = "/",
        *,
        logged_in: bool = True,
        failing: bool = False,
        scheme: Any = "light",
        width: int = 1440,
        url: str | None = None,
    ) -> Page:
        where = url or town.url
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()

        def heard(message: ConsoleMessage) -> None:
            expected = "Failed to load resource" in message.text and (failing or not logged_in)
            if message.type in ("error", "warning") and not expected:
                complaints.append(f"{page.url}: {message.text}")

        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        if logged_in:
            page.goto(where + login_path(town))
        if path != "/" or not logged_in:
            page.goto(where + path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []
