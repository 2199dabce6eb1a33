"""Times in the console: written on the clock of the event's zone, whatever the browser's own is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.campaign import Campaign
    from tests.web.console import Desk


def fill(at: Desk, **fields: str) -> None:
    for name, value in fields.items():
        at.page.locator(f"input[name={name}]").fill(value)


def test_an_event_is_made_with_its_zone_spelled_out(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """The form repeats each time in the event's zone, in UTC and in the operator's own."""
    at = desk("olga", "operator", timezone_id="America/New_York")
    at.page.get_by_role("link", name="New event").click()
    fill(at, name="Spring sale", event_id=campaign.event_id, capacity="100", timezone="Asia/Seoul", spread_s="10")
    fill(at, opens_at="2030-03-01T09:00:00", closes_at="2030-03-02T09:00:00")
    told = at.page.locator("#opens_at-told")
    expect(told).to_contain_text("Friday 2030-03-01 09:00:00 UTC+09:00 (Asia/Seoul)")
    expect(told).to_contain_text("2030-03-01T00:00:00.000Z")
    expect(told).to_contain_text("here 2030-02-28 19:00:00 UTC-05:00 (America/New_York)")
    at.press("Make the draft")
    expect(at.page.get_by_role("heading", name="Spring sale")).to_be_visible()
    window = "2030-03-01 09:00:00 until 2030-03-02 09:00:00 UTC+09:00 (Asia/Seoul) turns over 10 s"
    expect(at.page.locator(".window")).to_have_text(window)
    expect(at.said).to_contain_text("Made, as a draft.")
    at.page.get_by_role("link", name="Codes").click()
    expect(at.said).to_be_empty()
    event = campaign.operate("show")["event"]
    assert (event["opens_at"], event["closes_at"]) == ("2030-03-01T00:00:00.000Z", "2030-03-02T00:00:00.000Z")
    assert (event["timezone"], event["spread_ms"], event["capacity"]) == ("Asia/Seoul", 10_000, 100)


@pytest.mark.parametrize("zone", ["Europe/Zurich", "Asia/Seoul", "America/New_York"])
@pytest.mark.parametrize("opens_at", ["2030-03-01T00:00:00.250Z", "2030-10-27T01:30:00.000Z"])
def test_a_draft_saved_unchanged_opens_when_it_did(
    campaign: Campaign, desk: Callable[..., Desk], zone: str, opens_at: str
) -> None:
    """The second is in the hour that clocks in Zurich show twice: the later of both."""
    campaign.create(3, opens_at=opens_at, closes_at="2030-12-01T00:00:00Z", timezone="Europe/Zurich")
    at = desk("olga", "operator", timezone_id=zone)
    at.show()
    at.page.get_by_role("link", name="Edit draft").click()
    expect(at.page.locator("#opens_at-told")).to_contain_text(opens_at)
    with at.page.expect_request("**/actions/edit") as asked:
        at.press("Save")
    assert f'"opens_at":"{opens_at}"' in (asked.value.post_data or "")
    expect(at.said).to_have_text("Saved.")
    event = campaign.operate("show")["event"]
    assert (event["opens_at"], event["config_version"]) == (opens_at, 1), "nothing has changed"


def test_the_form_names_what_is_missing(desk: Callable[..., Desk]) -> None:
    """The button is off until then; and UTC is said once."""
    at = desk("olga", "operator", timezone_id="UTC")
    at.go("new")
    still = at.page.locator("#still")
    expect(still).to_have_text("Still missing: Name, Id, Coupons, Opens, Closes.")
    fill(at, event_id="an-event", capacity="1", opens_at="2030-03-01T09:00:00")
    expect(still).to_have_text("Still missing: Name, Closes.")
    expect(at.page.locator("#opens_at-told")).to_contain_text(re.compile(r"Friday 2030-03-01 09:00:00 UTC\s*2030"))
    expect(at.page.get_by_role("button", name="Make the draft")).to_be_disabled()
    fill(at, name="An event", closes_at="2030-03-02T09:00:00")
    expect(still).to_be_empty()
    expect(at.page.get_by_role("button", name="Make the draft")).to_be_enabled()


def test_a_time_that_clocks_skip_is_refused(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """An hour is skipped in spring; in autumn one comes twice, and the form asks which."""
    at = desk("olga", "operator")
    at.go("new")
    fill(at, name="A", event_id=campaign.event_id, capacity="1", timezone="Europe/Zurich")
    fill(at, opens_at="2030-03-31T02:30:00", closes_at="2030-12-01T00:00:00")
    expect(at.page.locator("#opens_at-told")).to_contain_text("never shows this")
    expect(at.page.get_by_role("button", name="Make the draft")).to_be_disabled()
    fill(at, opens_at="2030-10-27T02:30:00")
    told = at.page.locator("#opens_at-told")
    expect(told).to_contain_text("2030-10-27T00:30:00.000Z")
    at.page.get_by_label("The clock shows this twice").select_option("1")
    expect(told).to_contain_text("2030-10-27T01:30:00.000Z")


def test_an_event_is_rescheduled_to_later_times_alone(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """The button stays off until a time is later."""
    campaign.create(3, opens_at="2030-03-01T00:00:00Z", closes_at="2030-03-02T00:00:00Z", timezone="Asia/Seoul")
    campaign.operate("open")
    at = desk("olga", "operator")
    at.show()
    at.press("Reschedule…")
    done = at.dialog.get_by_role("button", name="Reschedule", exact=True)
    expect(done).to_be_disabled()
    at.dialog.get_by_label("Closes").fill("2030-03-01T20:00:00")
    expect(done).to_be_disabled()
    at.dialog.get_by_label("Closes").fill("2030-03-03T09:00:00")
    at.confirm("Reschedule")
    assert campaign.operate("show")["event"]["closes_at"] == "2030-03-03T00:00:00.000Z"
