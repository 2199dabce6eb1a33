"""The console while an event runs: what is live moves nothing, and a server that is away is said so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from dev.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from dev.cloud import Cloud
    from tests.e2e.campaign import Campaign
    from tests.web.console import Desk

POLL_MS = 2_000  # the console's own
UNKNOWN = "\u2013"
MINUTE_MS = 60_000
# Every control that is shown, by where it leads and what it says, and where it is on the page.
CONTROLS = """() => Object.fromEntries([...document.querySelectorAll("a[href], button, input, select")]
  .filter(each => each.checkVisibility()).map(each => {
    const {x, y, width, height} = each.getBoundingClientRect();
    const name = `${each.getAttribute("href") ?? ""} ${each.textContent.trim() || each.name}`.trim();
    return [name, [x + scrollX, y + scrollY, width, height]];
  }))"""
ONE_PLACE = ("Pause…", "Open…")  # never there together: one takes the other's place


def controls(page: Page) -> dict[str, list[float]]:
    found: dict[str, list[float]] = page.evaluate(CONTROLS)
    return found


def restore(campaign: Campaign) -> None:
    """Let the gate be rebuilt, which waits for whoever is still writing."""
    wait_until(lambda: campaign.operate("restore")["outcome"] == "restored", "the gate is rebuilt")


def figure(desk: Desk, name: str) -> Any:
    return desk.page.locator(".figure", has=desk.page.get_by_text(name, exact=True)).locator("b")


@pytest.mark.parametrize("width", [1280, 360])
def test_a_minute_of_updates_moves_no_control(
    campaign: Campaign, desk: Callable[..., Desk], cloud: Cloud, width: int
) -> None:
    """Whatever changes meanwhile: winners, failed rows, servers that are away, the state. And the dialog still asks.

    A control that was gone for a while comes back where it stood, and one that takes another's place stands there.
    """
    campaign.open(40)
    campaign.win("alice")
    size = {"width": width, "height": 800}
    at = desk(prepare=lambda page: page.clock.install(), viewport=size)
    at.show()
    expect(figure(at, "Coupons")).to_have_text("1")
    before = controls(at.page)
    assert ONE_PLACE[0] in before
    at.press("Raise capacity…")
    at.dialog.get_by_label("Coupons").fill("50")
    asked = at.dialog.inner_text()
    assert cloud.servers is not None
    changes: dict[int, Callable[[], object]] = {
        2: lambda: campaign.win(*(f"person-{number}" for number in range(20))),
        5: lambda: fail(campaign, "bob"),
        8: cloud.servers.mariadb.stop,
        11: cloud.servers.mariadb.start,
        13: campaign.lose_gate,
        17: lambda: restore(campaign),
        20: lambda: campaign.operate("pause"),
        23: lambda: campaign.operate("close"),
        26: lambda: campaign.operate("open"),
    }
    stood, seen = {**before, ONE_PLACE[1]: before[ONE_PLACE[0]]}, set(before)
    for step in range(MINUTE_MS // POLL_MS):
        changes.get(step, lambda: None)()
        with at.page.expect_response(lambda response: response.url.endswith(f"/events/{campaign.event_id}")):
            at.page.clock.run_for(POLL_MS)
        assert at.dialog.inner_text() == asked
        now = controls(at.page)
        seen |= set(now)
        assert {name: box for name, box in now.items() if stood.setdefault(name, box) != box} == {}, f"moved: {step}"
    assert set(ONE_PLACE) < seen
    assert at.dialog.get_by_label("Coupons").input_value() == "50"
    at.dialog.get_by_role("button", name="Cancel").click()
    expect(figure(at, "Accepted")).to_have_text("22")
    expect(figure(at, "Failed")).to_have_text("1")
    assert controls(at.page) == before
    assert campaign.operate("show")["event"]["capacity"] == 40


def fail(campaign: Campaign, user_id: str) -> None:
    """Let this person's row be rejected by the ledger."""
    with campaign.rejected(user_id):
        campaign.win(user_id)
        campaign.wait_consumed()


def test_a_decision_about_what_has_changed_is_refused(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """The dialog sends the version that was seen when it was opened, not the one that an update brought."""
    campaign.open(2)
    at = desk()
    at.show()
    at.press("Close…")
    campaign.operate("pause")
    expect(at.page.locator("main .state")).to_have_text("paused")
    at.dialog.get_by_role("button", name="Close", exact=True).click()
    expect(at.dialog.get_by_role("alert")).to_contain_text("Not done")
    assert campaign.operate("show")["event"]["state"] == "paused"


def test_a_ledger_that_is_away_is_said_and_outlived(
    campaign: Campaign, desk: Callable[..., Desk], cloud: Cloud
) -> None:
    """The figures stay as they were known, and move again when it is back."""
    campaign.open(5)
    campaign.win("alice")
    campaign.wait_consumed()
    at = desk()
    at.show()
    expect(figure(at, "Coupons")).to_have_text("1")
    assert cloud.servers is not None
    cloud.servers.mariadb.stop()
    try:
        freshness = at.page.locator(".freshness")
        expect(freshness).to_contain_text("The ledger (MySQL) does not answer.")
        expect(freshness).to_contain_text("What is shown is of")
        expect(figure(at, "Coupons")).to_have_text("1")
        expect(at.page.get_by_role("list", name="Servers")).to_contain_text("Ledger (MySQL) away")
        at.press("Pause…")
        at.dialog.get_by_role("button", name="Pause", exact=True).click()
        expect(at.dialog.get_by_role("alert")).to_contain_text("Not known whether it was done")
    finally:
        cloud.servers.mariadb.start()
    at.confirm("Ask again")
    expect(at.page.locator("main .state")).to_have_text("paused")
    expect(at.page.locator(".freshness")).to_contain_text("Live.")
    expect(at.page.get_by_role("list", name="Servers")).to_contain_text("Ledger (MySQL) answers")


def test_a_gate_that_is_away_is_said(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """What only the gate knows is shown as unknown, and never as 0."""
    campaign.open(5)
    at = desk()
    at.show()
    campaign.lose_gate()
    expect(at.page.get_by_role("list", name="Servers")).to_contain_text("Gate (Redis) lost")
    expect(figure(at, "Remaining")).to_have_text(UNKNOWN)
    expect(figure(at, "Coupons")).to_have_text("0")


def test_what_is_left_at_the_end_is_given_to_nobody(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """The same figure has other words once the event has ended."""
    campaign.open(5)
    campaign.win("alice")
    at = desk()
    at.show()
    remaining = at.page.locator(".figure", has=at.page.get_by_text("Remaining", exact=True))
    expect(remaining).to_contain_text("left to give")
    campaign.operate("end")
    expect(remaining).to_contain_text("given to nobody")
