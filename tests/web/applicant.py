"""Somebody at the applicant's page, in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.web.conftest import Watch


def sign_in(page: Page, name: str) -> None:
    """Sign in at the issuer, and come back."""
    step(page, "Sign in").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#sign-out")).to_have_text(f"Sign out {name}")


def step(page: Page, label: str) -> Locator:
    """Return the page's one button, which has this label."""
    return page.get_by_role("button", name=label, exact=True)


def sentence(page: Page) -> Locator:
    """Return what the page says in one sentence."""
    return page.get_by_role("heading", level=1)


def applications(watch: Watch) -> int:
    """Return how often the context has asked for a coupon."""
    return sum(request.method == "POST" and "/applications" in request.url for request in watch.requests)
