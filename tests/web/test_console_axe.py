"""The console without eyes or a mouse: axe finds no violation in any view, in light and in dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.e2e.campaign import Campaign
    from tests.web.console import Desk

VIEWS = {
    "live": "Issued per second",
    "failed": "Rows that wait, or are dead",
    "people": "Look up a person",
    "winners": "Winners",
    "codes": "Codes",
    "audit": "Audit",
    "history": "History",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_has_a_violation(
    campaign: Campaign, desk: Callable[..., Desk], axe: Callable[[Page], None], scheme: str
) -> None:
    """Axe finds nothing in any view of the console, in light and dark."""
    campaign.open(5)
    campaign.win("alice")
    with campaign.rejected("bob"):
        campaign.win("bob")
        campaign.wait_consumed()
    at = desk(color_scheme=scheme)
    axe(at.page)
    for tab, heading in VIEWS.items():
        at.show(tab)
        expect(at.page.get_by_role("heading", level=2, name=heading, exact=True)).to_be_visible()
        if tab == "people":
            at.page.get_by_role("search").get_by_role("textbox").fill("alice")
            at.press("Look up")
            expect(at.page.get_by_role("article")).to_be_visible()
        if tab == "audit":
            at.press("Audit now")
            expect(at.page.get_by_role("region", name="Laws")).to_be_visible()
        if tab == "live":
            expect(at.page.locator("#issued-table")).to_contain_text("1")
        axe(at.page)
    for button in ("End…", "Raise capacity…", "Reschedule…"):
        at.press(button)
        axe(at.page)
        at.dialog.get_by_role("button", name="Cancel").click()
    at.go("new")
    expect(at.page.get_by_role("heading", name="New event")).to_be_visible()
    axe(at.page)


def test_the_console_fits_320_pixels(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """Tables scroll inside themselves; nothing else is wider than the screen."""
    campaign.open(5)
    at = desk(viewport={"width": 320, "height": 700})
    for tab in VIEWS:
        at.show(tab)
        expect(at.page.locator("main h2").first).to_be_visible()
        assert at.page.evaluate("document.documentElement.scrollWidth") <= 320, tab


def test_the_keyboard_alone_pauses_an_event(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """A dialog opens, closes and is confirmed by keys, and gives the focus back."""
    campaign.open(5)
    at = desk("olga", "operator")
    at.show()
    at.page.get_by_role("button", name="Pause…").focus()
    at.page.keyboard.press("Enter")
    expect(at.dialog).to_be_visible()
    at.page.keyboard.press("Escape")
    expect(at.dialog).to_have_count(0)
    expect(at.page.get_by_role("button", name="Pause…")).to_be_focused()
    at.page.keyboard.press("Enter")
    at.dialog.get_by_role("button", name="Pause", exact=True).focus()
    at.page.keyboard.press("Enter")
    expect(at.page.locator("main .state")).to_have_text("paused")
