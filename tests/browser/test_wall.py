"""The live wall over ten agents that print for a long time."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import MakeTown, OpenTab
from tests.browser.wire import Wire
from tests.e2e.towns import Town, eventually

AGENTS = 10
READ_ALL = """async (log) => {
  const seen = new Map();
  const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const note = () => {
    for (const line of log.querySelectorAll("[data-seq]")) {
      const text = line.textContent, seq = Number(line.dataset.seq);
      if (seen.has(seq) && seen.get(seq) !== text) throw new Error(`line ${seq} was “${seen.get(seq)}”, is “${text}”`);
      seen.set(seq, text);
    }
  };
  note();
  for (let quiet = 0; quiet < 8; ) {
    log.dispatchEvent(new WheelEvent("wheel", { deltaY: -100, bubbles: true }));
    const before = seen.size;
    log.scrollTop = Math.max(0, log.scrollTop - log.clientHeight);
    await painted();
    await new Promise((done) => setTimeout(done, 20));
    note();
    quiet = log.scrollTop === 0 && seen.size === before ? quiet + 1 : 0;
  }
  return [...seen].sort((a, b) => a[0] - b[0]);
}"""
"""Reads a stream from its end to its beginning, as a person with a wheel does."""


@pytest.fixture(scope="module")
def busy(town_for_all: MakeTown) -> Town:
    town = town_for_all()
    town.rig("web", "--max-polecats", str(AGENTS))
    town.sling("talks", *(f"Task {number}" for number in range(1, AGENTS + 1)))
    eventually(lambda: len(town.live_runs()) == AGENTS, "all agents run")
    return town


@pytest.fixture
def wire(busy: Town) -> Iterator[Wire]:
    between = Wire(busy.url)
    yield between
    between.close()


def last_numbers(page: Page) -> dict[str, int]:
    """The newest line of each pane that shows one."""
    found: dict[str, int] = {}
    for text in page.get_by_role("log").all_inner_texts():
        for name, number in re.findall(r"(\w+) line (\d+)", text):
            found[name] = max(found.get(name, 0), int(number))
    return found


def all_at(page: Page, least: int) -> dict[str, int] | None:
    now = last_numbers(page)
    return now if len(now) == AGENTS and min(now.values()) >= least else None


def newest(town: Town) -> int:
    """The number of the newest line of the agent that is behind all others."""
    return min(frame_number(path.read_text()) for path in (town.home / "logs").glob("*.jsonl"))


def frame_number(text: str) -> int:
    return max((int(number) for number in re.findall(r" line (\d+)", text)), default=0)


def test_a_pane_for_each_agent_and_each_moves(busy: Town, open_tab: OpenTab) -> None:
    page = open_tab(busy, "/rigs/web")
    expect(page.get_by_role("article")).to_have_count(AGENTS)
    first = eventually(lambda: all_at(page, 1), "each pane has lines")
    eventually(lambda: all_at(page, max(first.values()) + 3), "each pane goes on")
    for bead in busy.beads():
        pane = page.get_by_role("article", name=f"{bead['assignee']}: {bead['title']}")
        expect(pane).to_contain_text(bead["branch"])


def test_each_line_once_and_in_order_over_a_cut_network_and_a_new_server(
    busy: Town, wire: Wire, open_tab: OpenTab
) -> None:
    page = open_tab(busy, "/rigs/web", failing=True, url=wire.url)
    eventually(lambda: all_at(page, 1), "each pane has lines")

    wire.cut()
    cut_at = newest(busy)
    eventually(lambda: newest(busy) >= cut_at + 90, "agents print for ten seconds")
    assert max(last_numbers(page).values()) < cut_at + 60, "the page heard nothing meanwhile"
    wire.mend()
    eventually(lambda: all_at(page, cut_at + 91), "all panes are up to date again", 120)

    busy.ok("restart")
    before = newest(busy)
    eventually(lambda: all_at(page, before + 10), "all panes go on with the new server", 120)
    expect(page.get_by_text("Connection lost")).to_have_count(0)

    for log in page.get_by_role("log").all():
        lines: list[Any] = log.evaluate(READ_ALL)
        texts = [text for _, text in lines]
        name = texts[0].split()[0]
        assert texts == [f"{name} line {number}" for number in range(1, len(texts) + 1)]
        assert [seq for seq, _ in lines] == list(range(lines[0][0], lines[0][0] + len(lines)))
        assert len(texts) > before


def test_a_reader_who_scrolls_is_told_how_much_is_new(busy: Town, open_tab: OpenTab) -> None:
    page = open_tab(busy, "/rigs/web")
    eventually(lambda: all_at(page, 20), "each pane has lines")
    log = page.get_by_role("log").first
    log.hover()
    page.mouse.wheel(0, -150)
    more = page.get_by_role("button", name=re.compile(r"\d+ new lines?"))
    expect(more).to_be_visible()
    more.click()
    expect(more).to_have_count(0)
    rest = "log => log.scrollHeight - log.scrollTop - log.clientHeight"
    eventually(lambda: log.evaluate(rest) < 30, "it is at the end")


def test_panes_are_filtered_focused_and_pinned(busy: Town, open_tab: OpenTab) -> None:
    page = open_tab(busy, "/rigs/web")
    panes = page.get_by_role("article")
    expect(panes).to_have_count(AGENTS)
    page.keyboard.press("/")
    page.keyboard.type("Task 7")
    expect(panes).to_have_count(1)
    page.get_by_label("Filter panes").fill("")
    last = panes.last
    name = last.get_attribute("aria-label") or ""
    last.get_by_role("button", name="pin").click()
    expect(panes.first).to_have_attribute("aria-label", name)
    panes.first.focus()
    page.keyboard.press("f")
    expect(panes).to_have_count(1)
    page.keyboard.press("Escape")
    expect(panes).to_have_count(AGENTS)


def test_a_wall_longer_than_the_screen_draws_what_is_seen_and_the_keyboard_reaches_all(
    busy: Town, open_tab: OpenTab
) -> None:
    page = open_tab(busy, "/rigs/web")
    panes = page.get_by_role("article")
    expect(panes).to_have_count(AGENTS)
    page.set_viewport_size({"width": 700, "height": 500})
    eventually(lambda: 0 < panes.count() < AGENTS, "panes far away are not drawn")
    expect(panes.first).to_have_attribute("aria-setsize", str(AGENTS))
    page.get_by_role("log").first.hover()
    page.mouse.wheel(0, 300)
    eventually(lambda: page.locator("main").evaluate("area => area.scrollTop") > 0, "a pane does not hold the wheel")
    page.keyboard.press("j")
    reached = set()
    for _ in range(AGENTS):
        focused = page.locator("article:focus")
        expect(focused).to_be_in_viewport()
        reached.add(focused.get_attribute("aria-label"))
        page.keyboard.press("j")
    assert len(reached) == AGENTS
    last = page.locator("article:focus").get_by_role("log")
    expect(last).to_contain_text("line")
    assert panes.count() < AGENTS


def test_a_pane_goes_on_when_the_container_is_replaced(town_for_all: MakeTown, open_tab: OpenTab) -> None:
    town = town_for_all()
    town.rig()
    (bead,) = town.sling("talks", "Go on")
    page = open_tab(town, "/rigs/web", failing=True)
    expect(page.get_by_role("log")).to_contain_text("Toast line 5")
    run = town.live_runs()[0].run_id

    os.kill(town.container_pid, signal.SIGKILL)
    eventually(lambda: [one for one in town.live_runs() if one.run_id != run], "a new run begins", 150)
    expect(page.get_by_role("log")).to_contain_text("Toast line 2")
    texts = [text for _, text in page.get_by_role("log").evaluate(READ_ALL)]
    assert texts == [f"Toast line {number}" for number in range(1, len(texts) + 1)], "each line once, in order"
    assert town.bead(bead)["status"] == "in_progress"
