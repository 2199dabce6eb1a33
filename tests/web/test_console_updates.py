"""The console while an event runs: what is live moves nothing, and a server that is away is said so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from dev.cloud import Cloud
from dev.process import wait_until
from tests.e2e.conftest import SETTINGS
from tests.web.console import sit_down

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.e2e.campaign import Campaign
    from tests.web.conftest import Visit
    from tests.web.console import Desk

POLL_MS = 2_000  # the console's own
UNKNOWN = "\u2013"
MINUTE_MS = 60_000
# Every control that is shown, and where it is.
CONTROLS = """() => [...document.querySelectorAll("a[href], button, input, select")]
  .filter(each => each.checkVisibility()).map(each => {
    const {x, y, width, height} = each.getBoundingClientRect();
    return [each.textContent.trim() || each.name, x, y, width, height].join(" ");
  })"""


def controls(page: Page) -> list[str]:
    found: list[str] = page.evaluate(CONTROLS)
    return found


def restore(campaign: Campaign) -> None:
    """Let the gate be rebuilt, which waits for whoever is still writing."""
    wait_until(lambda: campaign.operate("restore")["outcome"] == "restored", "the gate is rebuilt")


def figure(desk: Desk, name: str) -> Any:
    return desk.page.locator(".figure", has=desk.page.get_by_text(name, exact=True)).locator("b")


@pytest.mark.parametrize("width", [1280, 360])
def test_a_minute_of_updates_moves_no_control(campaign: Campaign, desk: Callable[..., Desk], width: int) -> None:
    """Whatever changes meanwhile: winners, failed rows, a gate that is lost, the state. And the dialog still asks."""
    campaign.open(40)
    campaign.win("alice")
    size = {"width": width, "height": 800}
    at = desk(prepare=lambda page: page.clock.install(), viewport=size)
    at.show()
    expect(figure(at, "Coupons")).to_have_text("1")
    before = controls(at.page)
    assert any(each.startswith("Pause…") for each in before)
    at.press("Raise capacity…")
    at.dialog.get_by_label("Coupons").fill("50")
    asked = at.dialog.inner_text()
    changes: dict[int, Callable[[], object]] = {
        3: lambda: campaign.win(*(f"person-{number}" for number in range(20))),
        9: lambda: campaign.win("bob"),
        12: campaign.lose_gate,
        18: lambda: restore(campaign),
        24: lambda: campaign.operate("pause"),
        27: lambda: campaign.operate("open"),
    }
    for step in range(MINUTE_MS // POLL_MS):
        changes.get(step, lambda: None)()
        with at.page.expect_response(lambda response: response.url.endswith(f"/events/{campaign.event_id}")):
            at.page.clock.run_for(POLL_MS)
        assert at.dialog.inner_text() == asked
        # "Pause…" gives way to "Open…" meanwhile; whatever is there before and after stands where it stood.
        names = {each.split(" ", 1)[0] for each in controls(at.page)}
        moved = [each for each in before if each.split(" ", 1)[0] in names and each not in controls(at.page)]
        assert not moved
    assert at.dialog.get_by_label("Coupons").input_value() == "50"
    at.dialog.get_by_role("button", name="Cancel").click()
    expect(figure(at, "Accepted")).to_have_text("22")
    assert controls(at.page) == before
    assert campaign.operate("show")["event"]["capacity"] == 40


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
    campaign.open(5)
    at = desk()
    at.show()
    campaign.lose_gate()
    expect(at.page.get_by_role("list", name="Servers")).to_contain_text("Gate (Redis) lost")
    expect(figure(at, "Remaining")).to_have_text(UNKNOWN)
    expect(figure(at, "Coupons")).to_have_text("0")


def test_the_chart_is_the_same_after_a_restart(
    campaign: Campaign,
    cloud: Cloud,
    visit: Visit,
    tmp_path: Path,
    child_environment: dict[str, str],
) -> None:
    """It is drawn from the ledger: another cloud over the same servers has it too."""
    campaign.open(30)
    campaign.win(*(f"person-{number}" for number in range(12)))
    campaign.wait_consumed()
    at = sit_down(visit, cloud, campaign.event_id, "ada", "admin", viewport={"width": 1280, "height": 900})
    at.show()
    expect(at.page.locator(".issued")).to_contain_text("12 coupons")
    table, chart = at.page.locator("#issued-table").inner_text(), at.page.locator(".chart canvas").evaluate(PIXELS)
    with Cloud(
        tmp_path, servers=cloud.servers, environment=SETTINGS | child_environment, clock=False, identity=True
    ) as other:
        again = sit_down(visit, other, campaign.event_id, "ada", "admin", viewport={"width": 1280, "height": 900})
        again.show()
        expect(again.page.locator(".issued")).to_contain_text("12 coupons")
        assert again.page.locator("#issued-table").inner_text() == table
        assert again.page.locator(".chart canvas").evaluate(PIXELS) == chart


# What is drawn, once it stands: a chart is drawn in an animation frame.
PIXELS = """canvas => new Promise(resolve =>
  requestAnimationFrame(() => requestAnimationFrame(() => resolve(canvas.toDataURL()))))"""
