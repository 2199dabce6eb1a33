"""Who may do what in the console, and what asks before it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from playwright.sync_api import expect

from dev.doors import OPERATOR_URL
from firstcome.operate.table import ACTIONS
from firstcome.operate.who import Group
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.cloud import Cloud
    from tests.e2e.campaign import Campaign
    from tests.web.console import Desk

TABS = ("live", "failed", "people", "winners", "codes", "audit", "history")
# What stands in the event's bar, by its state: nothing that lowers, opens what has ended, or moves an opening forward.
BAR = {
    "draft": ["Open…", "Edit draft", "Delete draft…"],
    "open": ["Pause…", "Close…", "Raise capacity…", "Reschedule…", "End…"],
    "paused": ["Open…", "Close…", "Raise capacity…", "Reschedule…", "End…"],
    "closed": ["Open…", "Raise capacity…", "Reschedule…", "End…"],
    "ended": ["Erase everybody…"],
}
PATHS = {
    "draft": [],
    "open": ["open"],
    "paused": ["open", "pause"],
    "closed": ["open", "close"],
    "ended": ["open", "end"],
}


@pytest.fixture
def api(cloud: Cloud) -> Iterator[httpx.Client]:
    """The operator's API, without the console."""
    with httpx.Client(base_url=cloud.doors.urls[OPERATOR_URL], timeout=PATIENCE_S) as client:
        yield client


def bar(at: Desk) -> list[str]:
    group = at.page.get_by_role("group", name="What may be done")
    return [text.strip() for text in group.locator("a, button").all_inner_texts()]


def test_a_viewer_sees_no_button_and_is_refused(
    campaign: Campaign, desk: Callable[..., Desk], api: httpx.Client
) -> None:
    """It is the API that refuses: the console only does not ask."""
    campaign.open(3)
    with campaign.rejected("bob"):
        campaign.win("bob")
        campaign.wait_consumed()
    at = desk("vera", "viewer")
    expect(at.page.get_by_role("button")).to_have_count(0)
    for tab in TABS:
        at.go("events", campaign.event_id, tab)
        expect(at.page.get_by_role("heading", level=1)).to_have_text("A campaign")
        expect(at.page.get_by_role("button")).to_have_count(0)
    at.show("failed")
    expect(at.page.get_by_role("region", name="Failed rows")).to_contain_text("The ledger rejected the row.")
    expect(at.page.locator("body")).not_to_contain_text("bob")
    at.go("new")
    expect(at.page.locator("form")).to_have_count(0)
    headers = {"authorization": f"Bearer {at.token()}"}
    refused = [
        action
        for action in ACTIONS.values()
        if action.group is not Group.VIEWER and action.changes and not action.direct
    ]
    for action in refused:
        of_event = any(field.name == "event_id" for form in action.forms for field in form)
        path = f"/events/{campaign.event_id}/actions/{action.name}" if of_event else f"/actions/{action.name}"
        answer = api.post(path, headers=headers, json=example(action))
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), action.name
    for room in ("winners", "people/bob"):
        assert api.get(f"/events/{campaign.event_id}/{room}", headers=headers).status_code == 403, room


def example(action: Any) -> dict[str, Any]:
    """Return the fields of the action's first form, as their documents have them."""
    fields = {field.name: field.example for field in (*action.forms[0], *action.fields) if field in action.forms[0]}
    if action.versioned:
        fields["expect_version"] = 1
    fields.pop("event_id", None)
    return fields


@pytest.mark.parametrize("state", BAR)
def test_no_button_is_for_what_the_promise_forbids(campaign: Campaign, desk: Callable[..., Desk], state: str) -> None:
    """Each state shows the actions that lead out of it, and no other."""
    campaign.create(3)
    for action in PATHS[state]:
        campaign.operate(action)
    at = desk()
    at.show()
    expect(at.page.locator("main .state")).to_have_text(state)
    assert bar(at) == BAR[state]


def test_an_operator_has_no_button_of_an_admin(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """People's names, and what cannot be undone, are an admin's."""
    campaign.open(3)
    campaign.win("alice")
    campaign.wait_consumed()
    at = desk("olga", "operator")
    at.show()
    assert bar(at) == BAR["open"][:-1]
    expect(at.page.get_by_role("link", name="Winners")).to_have_count(0)
    at.show("people")
    at.page.get_by_role("search").get_by_role("textbox").fill("alice")
    at.press("Look up")
    expect(at.page.get_by_role("article")).to_contain_text("They have a coupon.")
    expect(at.page.get_by_role("button", name="Revoke…")).to_have_count(0)


def test_what_cannot_be_undone_wants_the_events_id(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """The button stays off until the id is typed in full."""
    campaign.open(3)
    at = desk()
    at.show()
    at.press("End…")
    done = at.dialog.get_by_role("button", name="End", exact=True)
    expect(done).to_be_disabled()
    at.dialog.get_by_label("Type the event's id").fill(campaign.event_id[:-1])
    expect(done).to_be_disabled()
    at.page.keyboard.press("Enter")
    expect(at.dialog).to_be_visible()
    assert campaign.operate("show")["event"]["state"] == "open"
    at.confirm("End", typed=True)
    expect(at.page.locator("main .state")).to_have_text("ended")


def test_a_coupon_is_revoked_by_name_once_it_is_typed(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """The person is then shown as refused for good."""
    campaign.open(1)
    campaign.win("alice")
    campaign.wait_consumed()
    at = desk()
    at.show("people")
    at.page.get_by_role("search").get_by_role("textbox").fill("alice")
    at.press("Look up")
    at.press("Revoke…")
    at.confirm("Revoke", typed=True)
    expect(at.page.get_by_role("article")).to_contain_text("They were refused for good.")
    assert campaign.holders() == {}


def test_a_token_that_has_expired_asks_to_sign_in(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """After the sign-in the operator is back at the same event."""
    campaign.open(1)
    at = desk()
    at.show()
    at.page.evaluate("""() => {
      const person = JSON.parse(sessionStorage["firstcome:person"]);
      sessionStorage["firstcome:person"] = JSON.stringify({...person, until: 0});
    }""")
    at.page.get_by_role("link", name="Sign in").click()
    expect(at.page.get_by_role("heading", level=1)).to_have_text("A campaign")
