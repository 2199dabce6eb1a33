"""The tutorial's part in a browser, click by click: whatever label it names is on the page, and leads on."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import expect

from dev.doors import APPLICANT_URL, CONSOLE_URL, ISSUER_URL, OPERATOR_URL, PAGE_URL
from tests.patience import PATIENCE_S
from tests.web.applicant import sentence

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from dev.cloud import Cloud
    from tests.e2e.campaign import Campaign
    from tests.web.conftest import Visit

TUTORIAL = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
CLICKS = TUTORIAL.partition("## In a browser")[2].partition("\n## ")[0]
EVENT = "first-sale"
OPENS_IN_S = 30  # the tutorial says three minutes, and nobody needs them here
BUTTON_OR_LINK: tuple[Literal["button"], Literal["link"]] = ("button", "link")
TIME = "%Y-%m-%dT%H:%M:%S"


@dataclass
class Reader:
    """Somebody who follows the tutorial: each click is the next label in bold, and no label is passed over."""

    labels: list[str] = field(default_factory=lambda: re.findall(r"\*\*(.+?)\*\*", CLICKS))

    def click(self, page: Page, label: str) -> None:
        """Click what has this label, which must be the next that the tutorial names."""
        assert self.labels, f"the tutorial names no {label}"
        assert self.labels.pop(0) == label
        shown = page.get_by_role("dialog") if page.get_by_role("dialog").count() else page.locator("body")
        button, link = (shown.get_by_role(role, name=label, exact=True) for role in BUTTON_OR_LINK)
        button.or_(link).first.click()

    def sign_in(self, page: Page, **given: str) -> None:
        """Sign in on the page of this machine's issuer."""
        self.click(page, "Sign in")
        for label, value in given.items():
            page.get_by_label(label).fill(value)
        page.get_by_role("button", name="Sign in").click()


def test_the_clicks_of_the_tutorial_lead_to_its_end(
    cloud: Cloud, campaign: Campaign, visit: Visit, tmp_path: Path
) -> None:
    """Each click and text of docs/tutorial.md is done here, in its order."""
    urls, reader = cloud.doors.urls, Reader()
    codes = tmp_path / "codes.txt"
    codes.write_text("".join(f"SPRING-{number:04}\n" for number in range(1, 101)))
    console = visit(urls[CONSOLE_URL], allowed=[urls[OPERATOR_URL], urls[ISSUER_URL]], timezone_id="UTC")
    reader.sign_in(console, Name="olga", Groups="admin")

    reader.click(console, "New event")
    opens_at = datetime.now(UTC) + timedelta(seconds=OPENS_IN_S)
    window = {"opens_at": opens_at.strftime(TIME), "closes_at": (opens_at + timedelta(days=1)).strftime(TIME)}
    for name, value in {"name": "First", "event_id": campaign.event_id, "capacity": "100", **window}.items():
        console.locator(f"input[name={name}]").fill(value)
    reader.click(console, "Make the draft")
    reader.click(console, "Codes")
    console.get_by_label("File").set_input_files(codes)
    reader.click(console, "Upload")
    expect(console.get_by_text("100 of 100 tickets have a code.")).to_be_visible()
    reader.click(console, "Open…")
    reader.click(console, "Open")
    expect(console.locator("main .state")).to_have_text("open")

    alice, bob = (
        visit(f"{urls[PAGE_URL]}/?event={campaign.event_id}", allowed=[urls[APPLICANT_URL], urls[ISSUER_URL]])
        for _ in range(2)
    )
    reader.sign_in(alice, Name="alice")
    reader.click(alice, "Take part")
    expect(alice.locator("#coupon-code")).to_have_text("SPRING-0001")

    reader.click(console, "Live")
    terminal(cloud, "crowd", campaign.event_id, tmp_path)
    expect(console.locator(".issued")).to_contain_text("100 coupons")

    reader.sign_in(bob, Name="bob")
    reader.click(bob, "Ask")
    expect(bob.locator("#facts")).to_contain_text("You asked")
    expect(sentence(bob)).to_have_text("All coupons are given away.")
    reader.click(console, "Look up")
    console.get_by_label("The person's id").fill("bob")
    console.get_by_role("search").get_by_role("button").click()
    expect(console.get_by_role("article")).to_contain_text("Last ticket given")
    reader.click(console, "Winners")
    with console.expect_download() as saved:
        reader.click(console, "Save all as CSV")
    assert saved.value.path().read_text("utf-8-sig").count("\n") == 101
    terminal(cloud, "redeem", campaign.event_id, tmp_path)
    reader.click(console, "Look up")
    console.get_by_label("The person's id").fill("alice")
    console.get_by_role("search").get_by_role("button").click()
    expect(console.get_by_role("article")).to_contain_text("Redeemed")
    assert reader.labels == [], "the test follows every click that the tutorial names"


def terminal(cloud: Cloud, name: str, event_id: str, folder: Path) -> None:
    """Type the command of this name that the tutorial has, in a terminal beside the browser."""
    (command,) = re.findall(rf"`(firstcome {name} .+?)`", CLICKS)
    (folder / "cloud.env").write_text(f"FIRSTCOME_API_URL={cloud.api_url}\nFIRSTCOME_LAMBDA_URL={cloud.lambda_url}\n")
    words = shlex.split(command.replace(EVENT, event_id))[1:]
    subprocess.run(
        [sys.executable, "-m", "firstcome_cli", *words], cwd=folder, check=True, timeout=PATIENCE_S, capture_output=True
    )
