"""Whoever got none, at the applicant's page: what they are told, and what they can show for it afterwards."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from firstcome.rules import rfc3339
from tests.web.applicant import applications, sentence, sign_in, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page, Route

    from tests.e2e.campaign import Campaign
    from tests.web.conftest import Watch

MINUTE_MS = 60_000


def test_a_loser_is_told_why_and_stops(campaign: Campaign, come: Callable[..., Page], watches: list[Watch]) -> None:
    """When the last one was given, when they asked, and the reference: the same after a reload, unasked."""
    campaign.open(1)
    page = come("bob")
    campaign.win("alice")
    step(page, "Ask for a coupon").click()
    expect(sentence(page)).to_have_text("All coupons are given away.")
    facts = page.locator("#facts")
    for label in ("Last one given", "You asked", "Reference"):
        expect(facts).to_contain_text(label)
    told = facts.inner_text()
    page.reload()
    expect(facts).to_have_text(re.compile(re.escape(told.split("\n")[-1])))
    assert applications(watches[0]) == 1
    assert not any(request.url.endswith("/applications/bob") for request in watches[0].requests)


def test_when_a_loser_asked_is_told_by_the_gates_clock(campaign: Campaign, come: Callable[..., Page]) -> None:
    """To the millisecond, and after the last one was given, however old the answer is that the page's clock is from."""

    def stale(route: Route) -> None:
        response = route.fetch()
        old = {"now": rfc3339(int(time.time() * 1000) - MINUTE_MS)}
        route.fulfill(response=response, json=response.json() | old)

    campaign.open(1)
    page = come(prepare=lambda page: page.context.route(f"**/events/{campaign.event_id}", stale))
    sign_in(page, "bob")
    campaign.win("alice")
    step(page, "Ask for a coupon").click()
    last, asked = (page.locator("#facts dd").nth(row) for row in range(2))
    for each in (last, asked):
        expect(each).to_have_text(re.compile(r":\d\d\.\d{3}"))
    told = page.evaluate("Object.values(localStorage).map(each => JSON.parse(each).no).find(Boolean)")
    assert told["askedAt"] >= page.evaluate("at => Date.parse(at)", told["soldOutAt"])


def test_asking_again_keeps_the_first_answer(campaign: Campaign, come: Callable[..., Page]) -> None:
    """A loser's evidence is when they asked first, with its reference; the newer ones stand below them."""
    campaign.open(1)
    campaign.win("alice")
    page = come("bob")
    step(page, "Ask").click()
    facts = page.locator("#facts")
    expect(facts).to_contain_text("You asked")
    first = facts.inner_text()
    for _ in range(2):
        step(page, "Ask again").click()
        expect(facts).to_contain_text("Asked again")
    again = facts.inner_text()
    assert again.startswith(first)
    assert again.count("Last one given") == 1
    page.reload()
    expect(facts).to_have_text(again, use_inner_text=True)
    campaign.operate("end")
    step(page, "Ask again").click()
    expect(sentence(page)).to_have_text("The event is over.")
    expect(facts).to_have_text(first, use_inner_text=True)


def test_nobody_signs_in_for_what_is_given_away(campaign: Campaign, come: Callable[..., Page]) -> None:
    """Signed out, the page says so at once; whoever has a ticket signs in and is shown it."""
    campaign.open(1)
    campaign.win("alice")
    page = come()
    expect(sentence(page)).to_have_text("All coupons are given away.")
    sign_in(page, "alice")
    step(page, "Ask").click()
    expect(page.locator("#coupon")).to_contain_text("№ 1")
