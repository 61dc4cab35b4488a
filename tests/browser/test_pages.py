"""Every page in both themes: nothing in the console, nothing serious for axe, and a picture of it under build/."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import MakeTown, OpenTab
from tests.e2e.towns import Town, eventually

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "screenshots"
AXE = (ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text()
NAMES = (
    "inbox", "town", "wall", "board", "landing", "events", "settings", "bead", "tested", "failed", "polecat", "sling",
    "palette", "keys",
)  # fmt: skip
PHONE = 390
TESTING = "echo collecting ... 412 items; for part in 1 2 3 4 5; do echo tests/test_part_$$part.py; done"
TITLES = (
    "Rate-limit the login endpoint", "Export invoices as CSV", "Fix flaky test_retry", "Dark mode for settings",
    "Upgrade to SQLAlchemy 2.1", "Search in the audit log", "Delete unused feature flags", "Explain the error codes",
    "Resize avatars on upload", "Send the weekly report on Mondays",
)  # fmt: skip
AGENTS = len(TITLES)
PRINTED = re.compile(r"line \d+")


class Pages:
    """A town in which every page has something to show, and where the pages are."""

    def __init__(self, town: Town) -> None:
        self.town = town
        hold = town.control / "hold"
        makefile = f"lint:\n\t@echo All checks passed\ntest:\n\t@{TESTING}; while test -e {hold}; do sleep 0.2; done\n"
        origin = town.repository("acme", {"Makefile": makefile})
        gates = ("--gate", "make lint", "--gate", "make test")
        town.rig("acme", "--merge", "review", "--max-polecats", str(AGENTS), *gates, origin=origin)
        town.rig("billing")
        body = ("--body", "Use the existing session store.\nKeep the old login for a week.")
        (self.failed,) = town.sling("crashes", "Port the parser to Rust", rig="acme")
        (self.reviewed,) = town.sling("reviewed", "Add SSO to the admin area", rig="acme", options=body)
        landed, self.tested, next_one = town.sling("quick", "Trim logs in CI", "Cache the build", "Tidy up", rig="acme")
        for bead in (self.reviewed, landed, self.tested, next_one):
            town.wait_for(bead, merge="approval")
        town.ok("approve", landed)
        town.wait_for(landed, status="closed")
        eventually(lambda: town.bead(self.failed)["status"] == "failed", "the parser gives up")
        hold.touch()
        town.ok("approve", self.tested)
        town.wait_for(self.tested, merge="testing")
        town.ok("approve", next_one)
        talking = town.sling("talker", *TITLES[:2], rig="acme")
        working = town.sling("talks", *TITLES[2:], rig="acme")
        town.sling("talks", "Rename Customer to Account", rig="acme", options=("--after", working[0]))
        town.sling("talks", "Paginate the audit log", "Nightly backup job", rig="acme", options=("--priority", "low"))
        eventually(lambda: town.ask("status")["live"] == AGENTS, "all agents run")
        self.agent = town.bead(talking[0])["assignee_agent_bead_id"]

    def show(self, page: Page, name: str) -> None:
        """Go there, and wait until it shows what it is about."""
        addresses = {
            "inbox": "/inbox", "town": "/town", "board": "/rigs/acme/board", "landing": "/rigs/acme/landing",
            "events": "/rigs/acme/events", "settings": "/rigs/acme/settings", "bead": f"/beads/{self.reviewed}",
            "tested": f"/beads/{self.tested}", "failed": f"/beads/{self.failed}", "polecat": f"/polecats/{self.agent}",
        }  # fmt: skip
        page.goto(self.town.url + addresses.get(name, "/rigs/acme"))
        shown: dict[str, Any] = {
            "inbox": page.get_by_text("1 file changed"),
            "town": page.get_by_text("slung").first,
            "board": page.get_by_role("region", name="Landed").get_by_role("article"),
            "landing": page.get_by_text("tests/test_part_5.py"),
            "tested": page.get_by_text("tests/test_part_5.py"),
            "events": page.get_by_text("began to work").first,
            "settings": page.get_by_role("textbox", name="Gates: commands"),
            "bead": page.get_by_role("region", name="reviewed.txt"),
            "failed": page.get_by_role("list", name="Attempts"),
            "polecat": page.get_by_text("run pytest tests/auth -q").first,
        }
        expect(shown.get(name, page.get_by_text(PRINTED).first)).to_be_visible()
        if name == "sling":
            expect(page.get_by_role("button", name="Sling").first).to_be_enabled()
            page.keyboard.press("n")
            page.get_by_label("One bead a line").fill("Rate-limit the login endpoint\nExport invoices as CSV")
        elif name == "palette":
            page.keyboard.press("Control+k")
            expect(page.get_by_role("option").first).to_be_visible()
        elif name == "keys":
            page.keyboard.press("?")
            expect(page.get_by_role("dialog")).to_be_visible()


@pytest.fixture(scope="module")
def pages(town_for_all: MakeTown) -> Pages:
    return Pages(town_for_all())


def serious(page: Page) -> list[str]:
    """What axe-core finds that keeps people out."""
    page.evaluate(AXE)
    found = page.evaluate("() => axe.run({ resultTypes: ['violations'] })")
    return [
        f"{violation['id']}: {violation['help']}: {[node['html'][:200] for node in violation['nodes'][:3]]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_readable_by_all_and_quiet(pages: Pages, open_tab: OpenTab, scheme: str) -> None:
    page = open_tab(pages.town, scheme=scheme)
    PICTURES.mkdir(parents=True, exist_ok=True)
    problems = {}
    for name in NAMES:
        pages.show(page, name)
        page.screenshot(path=PICTURES / f"{name}-{scheme}.png")
        problems |= {name: found} if (found := serious(page)) else {}
    assert problems == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_login_page_is_readable_by_all(pages: Pages, open_tab: OpenTab, scheme: str) -> None:
    page = open_tab(pages.town, logged_in=False, scheme=scheme)
    expect(page.get_by_label("Or with a token")).to_be_visible()
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"login-{scheme}.png")
    assert serious(page) == []


EMPTY = {
    "inbox": ("/inbox", "Nothing needs you"),
    "wall": ("/rigs/bare", "Nobody works here now"),
    "board": ("/rigs/bare/board", "No beads yet"),
    "landing": ("/rigs/bare/landing", "Nothing has come to land yet"),
    "bead": ("/beads/00000000", "There is no such bead"),
    "polecat": ("/polecats/00000000", "There is no such polecat"),
}


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1440), ("light", PHONE)])
def test_an_empty_home_teaches_the_next_step(
    town_for_all: MakeTown, open_tab: OpenTab, scheme: str, width: int
) -> None:
    town = town_for_all()
    page = open_tab(town, scheme=scheme, width=width, failing=True)
    PICTURES.mkdir(parents=True, exist_ok=True)
    problems = {}

    def look(name: str, heading: str) -> None:
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        page.screenshot(path=PICTURES / f"empty-{name}-{'phone' if width == PHONE else scheme}.png")
        problems[name] = serious(page)

    look("home", "A town begins with a repository")
    page.get_by_role("main").get_by_role("button", name="Add a rig").click()
    page.get_by_label("Repository").fill("/nowhere/at/all")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("/nowhere/at/all")
    look("rig", "Add a rig")
    town.rig("bare")
    for name, (path, heading) in EMPTY.items():
        page.goto(town.url + path)
        look(name, heading)
    assert {name: found for name, found in problems.items() if found} == {}


def test_a_phone_shows_every_page_without_scrolling_sideways(pages: Pages, open_tab: OpenTab) -> None:
    page = open_tab(pages.town, width=PHONE)
    wide: dict[str, Any] = {}
    problems = {}
    for name in NAMES:
        pages.show(page, name)
        page.screenshot(path=PICTURES / f"{name}-phone.png")
        width = page.evaluate("() => document.scrollingElement.scrollWidth")
        main = page.evaluate("() => document.querySelector('main').scrollWidth")
        wide |= {name: (width, main)} if max(width, main) > PHONE else {}
        problems |= {name: found} if (found := serious(page)) else {}
    assert (wide, problems) == ({}, {})


def test_the_title_and_the_icon_count_what_needs_a_person(pages: Pages, open_tab: OpenTab) -> None:
    page = open_tab(pages.town, "/rigs/acme")
    expect(page).to_have_title(f"(2) acme · {AGENTS} of {AGENTS} · Boomtown")
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("^data:image/png"))


SPY = """() => {
  window.told = [];
  window.Notification = class { constructor(title, { body }) { window.told.push(`${title}: ${body}`); } };
  window.Notification.permission = "granted";
  window.Notification.requestPermission = async () => "granted";
  Object.defineProperty(document, "hidden", { get: () => true });
}"""
"""A browser without a screen shows no notification: what would be shown is noted, as if nobody looked at the page."""


def test_the_browser_notifies_once_for_each_new_thing_that_needs_a_person(pages: Pages, open_tab: OpenTab) -> None:
    page = open_tab(pages.town)
    page.add_init_script(f"({SPY})()")
    page.goto(f"{pages.town.url}/inbox")
    expect(page.get_by_text("Port the parser to Rust")).to_be_visible()
    page.get_by_role("button", name="notify me").click()
    expect(page.get_by_role("button", name="notifies you")).to_be_visible()
    (bead,) = pages.town.sling("quick", "Ask me first", rig="billing", options=("--hold",))
    expect(page.get_by_text("Ask me first")).to_be_visible()
    told = eventually(lambda: page.evaluate("() => window.told"), "it notifies")
    assert [words.partition(":")[0] for words in told] == ["Ask me first"]
    pages.town.ok("bead", "cancel", bead)


def test_an_address_that_leads_nowhere_says_so(pages: Pages, open_tab: OpenTab) -> None:
    page = open_tab(pages.town, "/rigs/nowhere")
    expect(page.get_by_role("heading", name="There is no rig of this name")).to_be_visible()
    page.goto(pages.town.url + "/nonsense")
    expect(page.get_by_role("heading", name="There is nothing at this address")).to_be_visible()
