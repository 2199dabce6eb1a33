"""Rows in the console: those that failed, winners, codes, findings."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Locator

    from tests.e2e.campaign import Campaign
    from tests.web.console import Desk


def fail(campaign: Campaign, *people: str) -> None:
    """Let these people's rows be rejected by the ledger."""
    for user_id in people:
        with campaign.rejected(user_id):
            campaign.win(user_id)
            campaign.wait_consumed()


def region(at: Desk, name: str) -> Locator:
    return at.page.get_by_role("region", name=name, exact=True)


def test_a_failed_row_has_its_reason_and_what_to_do(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """A redrive makes it due, and the schedule issues it."""
    campaign.open(3)
    fail(campaign, "bob")
    at = desk("olga", "operator")
    at.show("failed")
    row = region(at, "Failed rows").get_by_role("row").nth(1)
    for words in ("bob", "The ledger rejected the row.", "then redrive", "waiting"):
        expect(row).to_contain_text(words)
    row.get_by_role("button", name="Redrive…").click()
    at.confirm("Redrive")
    campaign.retry()
    campaign.wait_consumed()
    assert campaign.holders() == {"bob": 1}


def test_a_person_is_shown_with_what_explains_their_answer(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """A loser: when the last ticket was given. A winner: the code, which an admin alone may read."""
    campaign.open(1)
    campaign.operate("upload_codes", codes=["SPRING-1"])
    campaign.win("alice")
    campaign.wait_consumed()
    given = campaign.operate("lookup", user_id="bob")["told"]["sold_out_at"]
    for name, group, code in (("olga", "operator", "hidden: for admins"), ("ada", "admin", "SPRING-1")):
        at = desk(name, group)
        at.show("people")
        expect(fact(at, "alice", "Code")).to_contain_text(code)
        expect(fact(at, "bob", "Last ticket given").locator("time")).to_have_attribute("datetime", given)


def fact(at: Desk, person: str, label: str) -> Locator:
    """Look a person up; return what stands beside a label on their card."""
    at.page.get_by_role("search").get_by_role("textbox").fill(person)
    at.press("Look up")
    expect(at.page.get_by_role("heading", name=person)).to_be_visible()
    return at.page.get_by_role("article").locator("dt", has_text=label).locator("+ dd")


def test_a_bulk_redrive_meets_the_rows_that_were_on_screen(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """One that came later is not among them, although the dialog was still open."""
    campaign.open(5)
    fail(campaign, "bob", "carl")
    at = desk("olga", "operator")
    at.show("failed")
    at.press("Redrive these 2…")
    fail(campaign, "dora")
    with at.page.expect_response("**/actions/redrive") as answered:
        at.confirm("Redrive")
    assert answered.value.json()["due"] == 2
    expect(region(at, "Failed rows")).to_contain_text("dora")


def test_a_winner_named_as_a_formula_is_text_in_the_csv(
    campaign: Campaign, desk: Callable[..., Desk], tmp_path: Path
) -> None:
    """A spreadsheet computes nothing of what a person chose as an id."""
    campaign.open(5)
    campaign.win("=1+1", "@sum", "alice")
    campaign.wait_consumed()
    at = desk()
    at.show("winners")
    expect(region(at, "Winners, as a table")).to_contain_text("=1+1")
    with at.page.expect_download() as download:
        at.press("Save all as CSV")
    file = tmp_path / "winners.csv"
    download.value.save_as(file)
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"), newline="")))
    assert [(row["ticket"], row["user_id"]) for row in rows] == [("1", "'=1+1"), ("2", "'@sum"), ("3", "alice")]
    assert download.value.suggested_filename == f"{campaign.event_id}-winners.csv"


def test_codes_are_uploaded_in_chunks_with_progress(
    campaign: Campaign, desk: Callable[..., Desk], tmp_path: Path
) -> None:
    """A file of any size goes up in requests that the API takes."""
    campaign.open(2_500)
    file = tmp_path / "codes.txt"
    file.write_text("".join(f"CODE-{number:04}\r\n" for number in range(2_500)))
    at = desk("olga", "operator")
    at.show("codes")
    at.page.get_by_label("File").set_input_files(file)
    requests: list[int] = []
    at.page.on(
        "request",
        lambda request: requests.append(1) if "upload_codes" in request.url and request.method == "POST" else None,
    )
    at.press("Upload")
    expect(at.page.get_by_text("2,500 codes sent, 2,500 new.")).to_be_visible()
    expect(at.page.get_by_text("2,500 of 2,500 tickets have a code.")).to_be_visible()
    assert len(requests) == 3
    at.press("Upload")
    expect(at.page.get_by_text("2,500 codes sent, 0 new.")).to_be_visible()
    campaign.win("alice")
    campaign.wait_consumed()
    assert campaign.status("alice").body["code"] == "CODE-0000"


def test_a_line_that_is_no_code_stops_the_upload(campaign: Campaign, desk: Callable[..., Desk], tmp_path: Path) -> None:
    """The line is named, and nothing that stands in it is shown."""
    campaign.open(10)
    file = tmp_path / "codes.txt"
    file.write_text("ONE\n\nTHREE\n")
    at = desk("olga", "operator")
    at.show("codes")
    at.page.get_by_label("File").set_input_files(file)
    at.press("Upload")
    expect(at.page.get_by_role("alert").filter(has_text="Line 2 is empty.")).to_be_visible()
    assert campaign.operate("show")["codes"] is None


def test_a_finding_stands_beside_what_mends_it(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """A lost gate is found by the audit, with the action beside it."""
    campaign.open(5)
    campaign.win("alice")
    campaign.wait_consumed()
    at = desk("olga", "operator")
    at.show("audit")
    expect(at.page.get_by_text("No audit of this event is known.")).to_be_visible()
    at.press("Audit now")
    expect(at.page.get_by_text("Everything holds, and nothing is on its way.")).to_be_visible()
    campaign.lose_gate()
    at.press("Audit now")
    found = region(at, "Findings").get_by_role("row").filter(has_text="the gate is lost")
    found.get_by_role("button", name="Restore…").click()
    at.confirm("Restore")
    expect(at.page.get_by_text("Everything holds, and nothing is on its way.")).to_be_visible()


def test_a_viewer_sees_what_the_last_audit_found(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """Without a button that starts one."""
    campaign.open(5)
    olga = desk("olga", "operator")
    olga.show("audit")
    olga.press("Audit now")
    expect(region(olga, "Laws")).to_contain_text("never more than N coupon rows")
    vera = desk("vera", "viewer")
    vera.show("audit")
    expect(region(vera, "Laws")).to_contain_text("never more than N coupon rows")
    expect(vera.page.get_by_role("button")).to_have_count(0)


def test_the_history_says_who_did_what(campaign: Campaign, desk: Callable[..., Desk]) -> None:
    """Each change has the operator, the action and the outcome."""
    campaign.open(5)
    at = desk("olga", "operator")
    at.show()
    at.press("Pause…")
    at.confirm("Pause")
    at.show("history")
    row = region(at, "History, as a table").get_by_role("row").nth(1)
    for words in ("olga", "pause", "done"):
        expect(row).to_contain_text(words)
