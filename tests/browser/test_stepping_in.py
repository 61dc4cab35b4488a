"""What people do in the dashboard, and that it happens."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import MakeTown, OpenTab, login_path
from tests.e2e.towns import Town, eventually


@pytest.fixture(scope="module")
def town(town_for_all: MakeTown) -> Town:
    return town_for_all(default_agent="waits")


def test_twelve_beads_from_the_dialog_five_start_seven_say_why_they_wait(town: Town, open_tab: OpenTab) -> None:
    town.rig("many")
    page = open_tab(town, "/rigs/many")
    expect(page.get_by_role("heading", name="Nobody works here now")).to_be_visible()
    page.keyboard.press("n")
    page.get_by_label("One bead a line").fill("\n".join(f"- Piece {number}" for number in range(1, 13)))
    page.get_by_role("button", name="Sling 12 beads").click()
    expect(page.get_by_role("dialog", name="12 beads in many: 5 started, 7 wait")).to_be_visible()
    results = page.get_by_role("list", name="Results").get_by_role("listitem")
    expect(results.nth(0)).to_contain_text("Piece 1Toast has it")
    expect(results.nth(4)).to_contain_text("Piece 5Copper has it")
    expect(results.nth(5)).to_contain_text("5 of 5 slots busy, 1st in line")
    expect(results.nth(11)).to_contain_text("5 of 5 slots busy, 7th in line")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("article")).to_have_count(5)
    waiting = page.get_by_role("region", name="Waiting")
    expect(waiting).to_contain_text("Piece 65 of 5 slots busy, 1st in line")
    page.keyboard.press("b")
    board = page.get_by_role("region", name="Waiting")
    expect(board.get_by_role("article")).to_have_count(7)
    expect(board.get_by_role("article", name="Piece 12")).to_contain_text("5 of 5 slots busy, 7th in line")
    board.get_by_role("article", name="Piece 12").focus()
    page.keyboard.press("+")
    expect(board.get_by_role("article", name="Piece 12")).to_contain_text("5 of 5 slots busy, 1st in line")


def test_json_lines_depend_on_each_other_and_a_wrong_line_is_named(town: Town, open_tab: OpenTab) -> None:
    town.rig("lines")
    page = open_tab(town, "/rigs/lines")
    expect(page.get_by_role("heading", name="Nobody works here now")).to_be_visible()
    page.keyboard.press("n")
    lines = page.get_by_label("One bead a line")
    lines.fill('{"title": "First"}\n{"tilte": "Second"}')
    expect(page.get_by_role("alert")).to_contain_text("Line 2: “title” is missing.")
    lines.fill('{"title": "First"}\n{"title": "Second", "depends_on": [0]}')
    page.get_by_role("button", name="Sling 2 beads").click()
    expect(page.get_by_role("list", name="Results")).to_contain_text("Waits for “First”")


def test_a_report_is_asked_for_in_the_dialog_and_read_on_the_beads_page(town: Town, open_tab: OpenTab) -> None:
    town.rig("asking", "--agent", "idles")
    page = open_tab(town, "/rigs/asking")
    expect(page.get_by_role("heading", name="Nobody works here now")).to_be_visible()
    page.keyboard.press("n")
    page.get_by_label("One bead a line").fill("What is there to do?")
    page.get_by_text("Details for all of them").click()
    page.get_by_label("Report: wanted is what the agent says").check()
    page.get_by_role("button", name="Sling it").click()
    page.get_by_role("list", name="Results").get_by_role("link", name="What is there to do?").click()
    expect(page.get_by_text("Closed with its report")).to_be_visible()
    page.get_by_role("tab", name="Report").click()
    expect(page.get_by_role("region", name="Report")).to_have_text("I could not find anything to do.")


def test_a_bead_that_gave_up_shows_its_error_and_is_retried_by_a_click(town: Town, open_tab: OpenTab) -> None:
    town.rig("failing")
    (bead,) = town.sling("crashes", "Port the parser", rig="failing")
    page = open_tab(town, "/rigs/failing")
    gone = page.get_by_role("region", name="Gave up")
    expect(gone).to_contain_text("5 attempts: The agent exited with status 3. Last words: cargo: command not found")
    town.run("pause", "failing")
    gone.get_by_role("button", name="Retry Port the parser").click()
    eventually(lambda: town.bead(bead)["status"] == "open", "it is open again")
    expect(gone).to_have_count(0)
    expect(page.get_by_role("region", name="Waiting")).to_contain_text("The rig is paused.")
    page.goto(f"{town.url}/beads/{bead}")
    page.get_by_role("tab", name="Attempts").click()
    expect(page.get_by_role("list", name="Attempts").get_by_role("listitem")).to_have_count(5)


def drag(page: Page, title: str, zone: str) -> None:
    """As with a mouse: what can be done with a bead shows once it moves."""
    page.get_by_role("article", name=title).hover()
    page.mouse.down()
    page.mouse.move(700, 500, steps=4)
    target = page.get_by_text(zone, exact=True)
    target.hover()
    target.hover()  # the browser tells a place that it is hovered only from the second move on
    page.mouse.up()


def test_beads_are_dragged_over_the_board(town: Town, open_tab: OpenTab) -> None:
    town.rig("dragging", "--merge", "review", "--max-polecats", "1")
    (reviewed,) = town.sling("reviewed", "Review me", rig="dragging")
    town.wait_for(reviewed, merge="approval")
    (failed,) = town.sling("crashes", "Retry me", rig="dragging")
    eventually(lambda: town.bead(failed)["status"] == "failed", "it gives up")
    (working,) = town.sling("waits", "Cancel me", rig="dragging")
    town.wait_for(working, status="in_progress")
    town.sling("waits", "First", "Second", rig="dragging")
    page = open_tab(town, "/rigs/dragging/board")
    drag(page, "Second", "Make it high")
    waiting = page.get_by_role("region", name="Waiting")
    expect(waiting.get_by_role("article", name="Second")).to_contain_text("1 of 1 slots busy, 1st in line")
    drag(page, "Retry me", "Retry it")
    expect(waiting.get_by_role("article", name="Retry me")).to_contain_text("2nd in line")
    drag(page, "Review me", "Approve it: it lands")
    expect(page.get_by_role("region", name="Landed").get_by_role("article", name="Review me")).to_be_visible()
    drag(page, "Cancel me", "Cancel it")
    page.get_by_role("dialog").get_by_role("button", name="Cancel it").click()
    expect(page.get_by_role("region", name="Gave up").get_by_role("article", name="Cancel me")).to_be_visible()
    assert town.bead(working)["status"] == "cancelled"
    expect(page.get_by_text("Make it high")).to_have_count(0)
    waiting.get_by_role("article", name="First").focus()
    page.keyboard.press("x")
    cancelled = page.get_by_role("region", name="Gave up").get_by_role("article", name="First")
    cancelled.focus()
    page.keyboard.press("r")
    expect(waiting.get_by_role("article", name="First")).to_be_visible()


def test_a_stopped_polecat_leaves_its_bead_held_until_it_is_started(town: Town, open_tab: OpenTab) -> None:
    town.rig("stopping")
    (bead,) = town.sling("waits", "Take your time", rig="stopping")
    page = open_tab(town, "/rigs/stopping")
    page.get_by_role("article", name="Toast: Take your time").focus()
    page.keyboard.press("s")
    page.get_by_role("dialog", name="Stop Toast?").get_by_role("button", name="Stop").click()
    expect(page.get_by_role("article")).to_have_count(0)
    assert town.wait_for(bead, status="open")["queue_reason"] == "held"
    page.keyboard.press("i")
    item = page.get_by_role("list", name="Inbox").get_by_role("listitem").filter(has_text="Take your time")
    item.get_by_role("button", name="Start").click()
    town.wait_for(bead, status="in_progress")
    expect(item).to_have_count(0)


def test_a_message_to_an_agent_that_hears_nothing_waits_for_its_next_run(town: Town, open_tab: OpenTab) -> None:
    town.rig("talking")
    (bead,) = town.sling("waits", "Listen", rig="talking")
    town.wait_for(bead, status="in_progress")
    page = open_tab(town, "/rigs/talking")
    page.get_by_role("article", name="Toast: Listen").get_by_role("link", name="open").click()
    page.get_by_label("Message to Toast").fill("Use the existing parser.")
    page.get_by_role("button", name="Send").click()
    messages = page.get_by_role("list", name="Messages")
    expect(messages).to_contain_text("Use the existing parser. It gets this when its turn ends, or with its next run")


def test_a_message_reaches_an_agent_that_talks_and_the_page_says_so(town: Town, open_tab: OpenTab) -> None:
    town.rig("heard")
    (bead,) = town.sling("talker", "Listen", rig="heard")
    page = open_tab(town, "/rigs/heard")
    pane = page.get_by_role("article", name="Toast: Listen")
    expect(pane.get_by_text("I was told:")).to_be_visible()
    pane.get_by_role("link", name="open").click()
    log = page.get_by_role("log")
    expect(log.get_by_text("run pytest tests/auth -q")).to_be_visible()
    expect(log.get_by_text("Is there one already?")).to_be_visible()
    page.get_by_role("button", name="Next tool call").click()
    expect(page.get_by_text("1 of 2 tool calls")).to_be_visible()
    expect(page.locator(".marked")).to_contain_text("run pytest tests/auth -q")
    page.get_by_label("Search the output").fill("middleware, beside")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 1 match")).to_be_visible()
    expect(page.locator(".marked")).to_contain_text("The limiter belongs in the middleware")
    page.get_by_label("Message to Toast").fill("Mind the tests.")
    page.keyboard.press("Enter")
    messages = page.get_by_role("list", name="Messages")
    expect(messages.get_by_role("listitem")).to_contain_text("Mind the tests. It gets this when its turn ends")
    page.get_by_label("Message to Toast").fill("Use the existing parser.")
    page.get_by_role("button", name="Interrupt").click()
    expect(log.get_by_text("I was told: Use the existing parser.")).to_be_visible()
    expect(messages.get_by_role("listitem").nth(1)).to_contain_text("Use the existing parser. Delivered")
    expect(messages.get_by_role("listitem").nth(0)).to_contain_text("Mind the tests. Delivered")
    page.go_back()
    pane.focus()
    page.keyboard.press("m")
    page.get_by_label("What should it know?").fill("Be quick.")
    page.get_by_role("dialog").get_by_role("button", name="Send").click()
    eventually(lambda: town.bead(bead)["messages"][-1]["text"] == "Be quick.", "the message is kept")


def test_the_output_of_gates_is_live(town: Town, open_tab: OpenTab) -> None:
    slow = f"echo a slow gate begins; until test -e {town.control / 'pass'}; do sleep 0.1; done; echo it is over"
    town.rig("gated", "--gate", "echo lint is fine", "--gate", slow)
    (first,) = town.sling("quick", "Goes first", rig="gated")
    town.wait_for(first, merge="testing")
    (second,) = town.sling("quick", "Goes second", rig="gated")
    town.wait_for(second, merge="waiting")
    page = open_tab(town, "/rigs/gated/landing")
    now = page.get_by_role("region", name="Now")
    expect(now).to_contain_text("Goes first")
    expect(now).to_contain_text("Gate 2 of 2")
    expect(now.get_by_role("log")).to_contain_text("a slow gate begins")
    expect(now.get_by_role("progressbar")).to_have_attribute("value", "1")
    expect(page.get_by_role("region", name="Behind it")).to_contain_text("Goes second1st in line to land")
    (town.control / "pass").touch()
    over = page.get_by_role("region", name="Over")
    expect(over.get_by_text("Landed as")).to_have_count(2)
    over.get_by_text("What its gates said").last.click()
    expect(over.get_by_role("log")).to_contain_text("it is over")


def test_a_budget_that_is_used_up_is_raised_where_it_is_told_of(town: Town, open_tab: OpenTab) -> None:
    town.rig("spending")
    town.ok("rig", "set", "spending", "budget_usd_per_day=0.2")
    (bead,) = town.sling("talker", "Spend", rig="spending")
    page = open_tab(town, "/rigs/spending")
    expect(page.get_by_role("banner")).to_contain_text("today $0.31of $0.20")
    town.wait_for(bead, queue_reason="budget")
    page.goto(f"{town.url}/town")
    health = page.get_by_role("region", name="Health")
    expect(health).to_contain_text("$0.31 of $0.20 are spent on spending today: its agents wait")
    page.keyboard.press("i")
    item = page.get_by_role("list", name="Inbox").get_by_role("listitem").filter(has_text="spending")
    expect(item).to_contain_text("Budget used up")
    item.get_by_role("link", name="Raise it").click()
    page.get_by_label("Dollars a day").fill("5")
    page.get_by_role("button", name="Save").click()
    town.wait_for(bead, status="in_progress")
    page.keyboard.press("i")
    expect(item).to_have_count(0)


def test_comments_on_lines_go_back_as_rework_and_approval_lands(town: Town, open_tab: OpenTab) -> None:
    town.rig("reviews", "--merge", "review")
    (bead,) = town.sling("reviewed", "Write it", rig="reviews")
    town.wait_for(bead, merge="approval")
    page = open_tab(town)
    inbox = page.get_by_role("list", name="Inbox")
    inbox.get_by_role("listitem").filter(has_text="Write it").get_by_role("link", name="Review").click()
    file = page.get_by_role("region", name="reviewed.txt")
    expect(file).to_contain_text("first")
    page.get_by_role("button", name="Side by side").click()
    file.get_by_role("button", name="Comment on line 1").click()
    page.get_by_label("Comment on reviewed.txt:1").fill("Say it again.")
    page.get_by_role("button", name="Keep comment").click()
    page.reload()
    page.get_by_label("Anything else?").fill("Otherwise fine.")
    page.get_by_role("button", name="Send back with 1 comment").click()
    eventually(lambda: "Say it again." in town.said(f"told.{bead}"), "the agent is told")
    assert "Otherwise fine." in town.said(f"told.{bead}")
    assert "reviewed.txt:1: Say it again." in town.said(f"told.{bead}")
    town.wait_for(bead, merge="approval")
    expect(file).to_contain_text("again")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("status").filter(has_text="Landed as")).to_be_visible()
    assert town.bead(bead)["status"] == "closed"


def test_settings_are_changed_and_a_wrong_one_is_explained(town: Town, open_tab: OpenTab) -> None:
    town.rig("settings")
    page = open_tab(town, "/rigs/settings/settings", failing=True)
    slots = page.get_by_label("Slots: runs at once")
    slots.fill("0")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("from 1 to 1000")
    slots.fill("7")
    page.get_by_role("textbox", name="Gates: commands").fill("make test\nmake lint")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    rig = town.ask("rig", "show", "settings")
    assert (rig["max_polecats"], rig["gates"]) == (7, ["make test", "make lint"])
    page.get_by_label("Instructions").fill("Test with make test.\nLeave vendor/ alone.")
    page.get_by_label("Setup: commands").fill("make deps")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    own = town.ask("rig", "show", "settings")["settings"]
    assert (own["instructions"], own["setup"]) == ("Test with make test.\nLeave vendor/ alone.", ["make deps"])
    page.get_by_label("Setup: commands").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    (bead,) = town.sling("tells", "Say what you were told", rig="settings")
    assert "Leave vendor/ alone." in town.said(f"prompt.{bead}")


def test_a_polecat_shows_where_and_with_what_it_works_and_no_secret(town: Town, open_tab: OpenTab) -> None:
    town.rig("shown")
    (bead,) = town.sling("tells", "Look around", rig="shown")
    told = dict(line.split("=", 1) for line in town.said(f"env.{bead}").splitlines() if "=" in line)
    agent = town.bead(bead)["assignee_agent_bead_id"]
    page = open_tab(town, f"/polecats/{agent}")
    expect(page.get_by_text(told["PWD"] if "PWD" in told else told["BOOMTOWN_BRANCH"]).first).to_be_visible()
    page.get_by_role("button", name="Environment").click()
    shown = page.get_by_label("Environment", exact=True).last
    expect(shown).to_contain_text(f"BOOMTOWN_BRANCH{told['BOOMTOWN_BRANCH']}")
    expect(shown).to_contain_text("GASTOWN_SESSION_TOKENhidden")
    expect(shown).to_contain_text("CONTROLhidden")
    assert told["GASTOWN_SESSION_TOKEN"] not in page.content()
    expect(page.get_by_role("img", name="Memory, now")).to_be_visible()


def test_a_rig_is_added_in_the_browser(town: Town, open_tab: OpenTab) -> None:
    where = town.repository("fresh")
    page = open_tab(town, "/town")
    page.get_by_role("button", name="Add a rig").click()
    page.get_by_label("Repository").fill(str(where))
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name="Nobody works here now")).to_be_visible()
    assert town.ask("rig", "show", "fresh")["git_url"] == str(where)


def test_everything_is_in_the_palette(town: Town, open_tab: OpenTab) -> None:
    town.rig("found")
    town.sling("waits", "Unmistakable", rig="found", options=("--hold",))
    page = open_tab(town, "/town")
    page.get_by_role("heading", name="What happened").wait_for()
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Find or do")
    field.fill("unmis")
    expect(page.get_by_role("option")).to_contain_text(["Unmistakable"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Unmistakable")).to_be_visible()
    page.keyboard.press("Control+k")
    field.fill("found board")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{town.url}/rigs/found/board")
    page.keyboard.press("Control+k")
    field.fill("theme dark")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_wrong_token_is_refused_and_the_right_one_lets_in(town: Town, open_tab: OpenTab) -> None:
    page = open_tab(town, "/town", logged_in=False)
    page.get_by_label("Or with a token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("This token is not this home's.")
    page.get_by_label("Or with a token").fill((town.home / "token").read_text())
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Health")).to_be_visible()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("log out")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Or with a token")).to_be_visible()


def test_a_link_logs_in_once(town: Town, open_tab: OpenTab) -> None:
    link = town.url + login_path(town)
    assert httpx.get(link).headers["set-cookie"]
    page = open_tab(town, link.removeprefix(town.url), logged_in=False)
    expect(page.get_by_label("Or with a token")).to_be_visible()


def test_a_viewer_sees_all_and_slings_nothing(town: Town, open_tab: OpenTab) -> None:
    town.rig("watched")
    town.sling("waits", "Held for a while", rig="watched", options=("--hold",))
    token = town.ask("user", "add", "eve", "--role", "viewer")["token"]
    page = open_tab(town, "/rigs/watched/board", logged_in=False)
    page.get_by_label("Or with a token").fill(token)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("you only read")).to_be_visible()
    expect(page.get_by_role("button", name="Sling beads")).to_be_disabled()
    page.get_by_role("button", name="start Held for a while").click()
    expect(page.get_by_role("alert")).to_contain_text("needs the role operator")
    assert town.beads("watched")[0]["queue_reason"] == "held"
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("pause watched")
    page.keyboard.press("Enter")
    refused = page.get_by_role("dialog", name="That was refused")
    expect(refused).to_contain_text("needs the role operator")
