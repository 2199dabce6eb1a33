"""A whole event as people live it: the operator at the console, the crowd at the page and over the API, the shop."""

from __future__ import annotations

import csv
import io
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.api import JSON
from tests.patience import PATIENCE_MS
from tests.web.applicant import sentence, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests.e2e.campaign import Campaign
    from tests.web.console import Desk

COUPONS = 100
AT_THE_PAGE = [f"page-{number:02}" for number in range(20)]
OVER_THE_API = [f"api-{number:03}" for number in range(180)]
CONNECTIONS = 8  # applications under way at a time
CODES = [f"SPRING-{number:04}" for number in range(1, COUPONS + 1)]


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    expect.set_options(timeout=PATIENCE_MS)
    yield
    expect.set_options(timeout=5_000)


def test_an_event_from_its_draft_to_a_green_audit(
    campaign: Campaign, desk: Callable[..., Desk], come: Callable[..., Page], tmp_path: Path
) -> None:
    """Made, given codes and opened in the console; 200 people ask for 100 coupons; what fails is mended there.

    The first at the page has a row that fails; the last one there comes when all are given, and asks why.
    """
    at = desk("ada", "admin")
    prepare(at, tmp_path)
    campaign.capacity = COUPONS
    pages = {name: come(name) for name in AT_THE_PAGE}
    unlucky, *others, late = AT_THE_PAGE
    with campaign.rejected(unlucky):
        ask(pages[unlucky])
        with ThreadPoolExecutor(CONNECTIONS) as crowd:
            told = crowd.map(campaign.apply, OVER_THE_API)
            for name in others:
                ask(pages[name])
            answers = dict(zip(OVER_THE_API, told, strict=True))
        campaign.wait_consumed()
    ask(pages[late])
    won = {name for name, answer in answers.items() if answer.status == 202}
    assert {answer.code for name, answer in answers.items() if name not in won} <= {(409, "sold_out")}
    won |= {name for name, page in pages.items() if state(page) != "soldout"}
    assert len(won) == COUPONS, "everybody is told, and as many as there are coupons have won"

    redrive(at, unlucky)
    campaign.retry()
    campaign.wait_consumed()
    pages[unlucky].reload()
    expect(pages[unlucky].locator("#coupon-code")).to_have_text(CODES[0])

    at.show("live")
    expect(at.page.locator(".issued")).to_contain_text(f"{COUPONS} coupons")

    redeem(campaign, CODES[0])
    look_up(at, unlucky, "They have a coupon.", "Redeemed", CODES[0])
    explain(at, pages[late], late)
    rows = winners(at, tmp_path)
    assert [(row["ticket"], row["code"]) for row in rows] == [(str(n), code) for n, code in enumerate(CODES, 1)]
    assert {row["user_id"] for row in rows} == won
    assert [row["user_id"] for row in rows if row["redeemed_at"]] == [unlucky]

    at.show("audit")
    at.press("Audit now")
    expect(at.page.get_by_text("Everything holds, and nothing is on its way.")).to_be_visible()
    campaign.assert_promise(rows=COUPONS)


def prepare(at: Desk, folder: Path) -> None:
    """Make the event at the console, upload its codes, and open it."""
    at.page.get_by_role("link", name="New event").click()
    for field, value in {
        "name": "Spring sale",
        "event_id": at.event_id,
        "capacity": str(COUPONS),
        "timezone": "Asia/Seoul",
        "opens_at": "2026-01-01T09:00:00",
        "closes_at": "2036-01-01T09:00:00",
    }.items():
        at.page.locator(f"input[name={field}]").fill(value)
    at.press("Make the draft")
    expect(at.page.get_by_role("heading", name="Spring sale")).to_be_visible()
    file = folder / "codes.txt"
    file.write_text("\n".join(CODES))
    at.show("codes")
    at.page.get_by_label("File").set_input_files(file)
    at.press("Upload")
    expect(at.page.get_by_text(f"{COUPONS} of {COUPONS} tickets have a code.")).to_be_visible()
    at.press("Open…")
    at.confirm("Open")
    expect(at.page.locator(".state")).to_have_text("open")


def ask(page: Page) -> None:
    """Ask for a coupon at the page; return once it has an answer."""
    step(page, "Ask for a coupon").click()
    expect(
        page.locator("body:is([data-state=accepted], [data-state=making], [data-state=issued], [data-state=soldout])")
    ).to_be_visible()


def state(page: Page) -> str | None:
    return page.locator("body").get_attribute("data-state")


def region(at: Desk, name: str) -> Locator:
    return at.page.get_by_role("region", name=name, exact=True)


def redrive(at: Desk, name: str) -> None:
    """Find this person's failed row at the console, with its reason, and have it tried again."""
    at.show("failed")
    row = region(at, "Failed rows").get_by_role("row").filter(has_text=name)
    for words in ("The ledger rejected the row.", "then redrive", "waiting"):
        expect(row).to_contain_text(words)
    row.get_by_role("button", name="Redrive…").click()
    at.confirm("Redrive")


def redeem(campaign: Campaign, code: str) -> None:
    """Let the shop redeem a code, over the back end's API."""
    body = json.dumps({"code": code, "key": str(uuid.uuid4())}).encode()
    reply = campaign.call("POST", f"/events/{campaign.event_id}/redemptions", body, JSON)
    assert reply.status == 200


def explain(at: Desk, page: Page, name: str) -> None:
    """Let a loser read the answer on the page, and the console say the same of them."""
    expect(sentence(page)).to_have_text("All coupons are given away.")
    for words in ("Last one given", "You asked", "Reference"):
        expect(page.locator("#facts")).to_contain_text(words)
    look_up(at, name, "They have no ticket.", "sold out", "Last ticket given")


def look_up(at: Desk, name: str, *told: str) -> None:
    """Look a person up at the console, and read this of them."""
    at.show("people")
    at.page.get_by_label("The person's id").fill(name)
    at.press("Look up")
    for words in (name, *told):
        expect(at.page.get_by_role("article", name="What is known")).to_contain_text(words)


def winners(at: Desk, folder: Path) -> list[dict[str, str]]:
    """Save the winners as CSV at the console; return its rows."""
    at.show("winners")
    with at.page.expect_download() as download:
        at.press("Save all as CSV")
    file = folder / "winners.csv"
    download.value.save_as(file)
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"), newline="")))
