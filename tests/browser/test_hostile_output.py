"""Output that tries to hurt the page does no harm, in the pane and on the polecat's page."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import MakeTown, OpenTab


def check(page: Page) -> None:
    log = page.get_by_role("log")
    expect(log).to_contain_text("the end of it")
    assert page.evaluate("() => window.hurt") is None
    assert page.locator("script:not([src]), main img, main style, main iframe").count() == 0
    assert page.evaluate("() => getComputedStyle(document.body).display") == "block"
    assert page.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")


def number(code: str) -> str:
    """How a character that would hide or reorder others is shown."""
    return f"\u2039U+{code}\u203a"


def test_output_that_tries_to_hurt_is_text_and_nothing_else(town_for_all: MakeTown, open_tab: OpenTab) -> None:
    town = town_for_all()
    town.rig()
    town.sling("hostile", "Behave")
    page = open_tab(town, "/rigs/web")
    check(page)
    page.get_by_role("article").get_by_role("link", name="open").click()
    check(page)
    expect(page.get_by_text("more characters").first).to_be_visible()
    page.get_by_label("Search the output").fill("<script>")
    page.keyboard.press("Enter")
    expect(page.get_by_text("<script>window.hurt = 1</script>")).to_be_visible()
    expect(page.get_by_text("click after the escapes", exact=True)).to_be_visible()
    expect(page.get_by_text("after the bomb", exact=True)).to_be_visible()
    expect(page.get_by_text("user" + number("202E") + "gnp.exe zero" + number("200B") + "width")).to_be_visible()
    expect(page.get_by_text("broken \ufffd\ufffd\ufffd( bytes")).to_be_visible()
    piled = page.get_by_text(" piled")
    assert len(piled.inner_text()) < 20
