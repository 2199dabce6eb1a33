"""A giveaway from the console, from the draft to the audit: nothing else is touched but the people's own API."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.api import JSON

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.campaign import Campaign
    from tests.web.console import Desk

COUPONS = 50
PEOPLE = 200
AT_ONCE = 16


def test_a_giveaway_is_run_from_the_console(campaign: Campaign, desk: Callable[..., Desk], tmp_path: Path) -> None:
    """It is made and opened, gets its codes, 200 people come, a failed row is redriven, and everything holds."""
    codes = tmp_path / "codes.txt"
    codes.write_text("".join(f"SPRING-{number:03}\n" for number in range(1, COUPONS + 1)))
    at = desk()
    at.page.get_by_role("link", name="New event").click()
    given = {"name": "Spring sale", "event_id": campaign.event_id, "capacity": str(COUPONS), "timezone": "Asia/Seoul"}
    for name, value in {**given, "opens_at": "2026-01-01T09:00:00", "closes_at": "2036-01-01T09:00:00"}.items():
        at.page.locator(f"input[name={name}]").fill(value)
    at.press("Make the draft")
    expect(at.page.get_by_role("heading", name="Spring sale")).to_be_visible()
    at.show("codes")
    at.page.get_by_label("File").set_input_files(codes)
    at.press("Upload")
    expect(at.page.get_by_text(f"{COUPONS} of {COUPONS} tickets have a code.")).to_be_visible()
    at.press("Open…")
    at.confirm("Open")
    expect(at.page.locator("main .state")).to_have_text("open")

    people = [f"person-{number}" for number in range(PEOPLE)]
    with campaign.rejected(people[0]):
        campaign.win(people[0])
        with ThreadPoolExecutor(AT_ONCE) as pool:
            statuses = list(pool.map(lambda user_id: campaign.apply(user_id).status, people))
        campaign.wait_consumed()
    assert (statuses.count(202), statuses.count(409)) == (COUPONS, PEOPLE - COUPONS)

    at.show("failed")
    at.page.get_by_role("button", name="Redrive…").click()
    at.confirm("Redrive")
    campaign.retry()
    at.show("live")
    expect(at.page.locator(".issued")).to_contain_text(f"{COUPONS} coupons")
    at.show("audit")
    at.press("Audit now")
    expect(at.page.get_by_text("Everything holds, and nothing is on its way.")).to_be_visible()

    winner = campaign.status(people[0]).body
    bought = {"code": winner["code"], "key": str(uuid.uuid4())}
    path = f"/events/{campaign.event_id}/redemptions"
    assert campaign.call("POST", path, json.dumps(bought).encode(), JSON).status == 200
    at.show("people")
    at.page.get_by_role("search").get_by_role("textbox").fill(people[0])
    at.press("Look up")
    expect(at.page.get_by_role("article")).to_contain_text("Redeemed")
    at.show("winners")
    expect(at.page.get_by_role("region", name="Winners, as a table").get_by_role("row")).to_have_count(COUPONS + 1)
    campaign.capacity = COUPONS
    campaign.assert_promise(COUPONS)
