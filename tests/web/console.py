"""Somebody at the console, in a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from dev.doors import CONSOLE_URL, ISSUER_URL, OPERATOR_URL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from playwright.sync_api import Locator, Page

    from tests.web.conftest import Visit


@dataclass
class Desk:
    """The console in one browser, somebody signed in; `event_id` is the event that it is about."""

    page: Page
    url: str
    event_id: str

    def go(self, *parts: str) -> None:
        """Show a view: `go("events")`."""
        self.page.evaluate("place => { location.hash = place; }", "#/" + "/".join(parts))

    def show(self, tab: str = "live") -> None:
        """Show a tab of the event."""
        self.go("events", self.event_id, tab)
        expect(self.page.locator(f"nav.tabs a[aria-current=page][href$='/{tab}']")).to_be_visible()

    def press(self, name: str) -> None:
        """Press a button, by its name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def confirm(self, button: str, *, typed: bool = False) -> None:
        """Answer the dialog with its button, after typing the event's id where it asks for that."""
        if typed:
            self.dialog.get_by_label("Type the event's id").fill(self.event_id)
        self.dialog.get_by_role("button", name=button, exact=True).click()
        expect(self.dialog).to_have_count(0)

    @property
    def dialog(self) -> Locator:
        """The dialog that asks before anything changes."""
        return self.page.get_by_role("dialog")

    @property
    def said(self) -> Locator:
        """What became of the last request."""
        return self.page.locator(".said")

    def token(self) -> str:
        """Return the access token that the console has in this tab."""
        found: str = self.page.evaluate("JSON.parse(sessionStorage['firstcome:person']).token")
        return found


def sit_down(visit: Visit, urls: Mapping[str, str], event_id: str, name: str, groups: str, **options: Any) -> Desk:
    """Open the console of the cloud at `urls` and sign in, through the issuer's own page."""
    page = visit(urls[CONSOLE_URL], allowed=[urls[OPERATOR_URL], urls[ISSUER_URL]], **{"locale": "en-GB", **options})
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Groups").fill(groups)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Events")).to_be_visible()
    return Desk(page, urls[CONSOLE_URL], event_id)
