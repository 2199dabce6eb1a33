"""Codes by commands alone: uploaded, given away, exported, redeemed once, taken back, revoked."""

from __future__ import annotations

import csv
import io
import uuid
from typing import TYPE_CHECKING

import pytest

from firstcome_cli.commands.people import BOM

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.program import Program
    from tests.e2e.campaign import Campaign

PEOPLE, COUPONS = 40, 10
ORDERS = [str(uuid.UUID(int=number)) for number in range(5)]


@pytest.fixture
def codes(tmp_path: Path) -> Path:
    """A file as a shop writes it: one code a line, with a BOM, and Windows' line ends."""
    file = tmp_path / "codes.txt"
    file.write_bytes("\r\n".join(f"SPRING-{number:04}" for number in range(1, COUPONS + 1)).encode("utf-8-sig"))
    return file


def winners(program: Program, event_id: str) -> dict[str, dict[str, str]]:
    """Return the rows of the CSV by person."""
    out = program("winners", event_id, "--csv").out.removeprefix(BOM)
    return {row["user_id"]: row for row in csv.DictReader(io.StringIO(out))}


def test_an_event_with_codes_is_given_away_and_redeemed(
    program: Program, campaign: Campaign, event_id: str, codes: Path
) -> None:
    """From the draft to the till, with nothing but commands: more people than coupons come."""
    window = ("--opens-at", "2026-01-01T00:00:00Z", "--closes-at", "2036-01-01T00:00:00Z")
    program.json("event", "create", event_id, "--name", "Spring", "--capacity", str(COUPONS), *window)
    assert program.json("codes", "upload", event_id, str(codes))["new"] == COUPONS
    again = program.json("codes", "upload", event_id, str(codes))
    assert (again["new"], again["unchanged"]) == (0, COUPONS)
    program.json("event", "open", event_id)
    told = [program("apply", event_id, f"p{number}", code=int(number > COUPONS)) for number in range(1, PEOPLE + 1)]
    assert sum(one.code == 0 for one in told) == COUPONS
    campaign.wait_consumed()

    assert program.json("status", event_id, "p1")["code"] == "SPRING-0001"
    assert program.json("lookup", event_id, f"p{PEOPLE}")["told"]["application"] == "sold_out"
    assert winners(program, event_id)["p3"]["code"] == "SPRING-0003"

    done = program.json("redeem", event_id, "SPRING-0001", "--key", ORDERS[1])
    assert (done["ticket"], done["user_id"]) == (1, "p1")
    assert program.json("redeem", event_id, "SPRING-0001", "--key", ORDERS[1]) == done
    assert program.json("redeem", event_id, "SPRING-0001", "--key", ORDERS[2], code=1)["error"]["code"] == "redeemed"
    assert program.json("revoke", event_id, "p1", "--yes", code=1)["error"]["kind"] == "refused"
    program.json("redeem", event_id, "--key", ORDERS[1], "--take-back")
    assert program.json("redeem", event_id, "SPRING-0001", "--key", ORDERS[3])["ticket"] == 1
    assert [name for name, row in winners(program, event_id).items() if row["redeemed_at"]] == ["p1"]

    program.json("revoke", event_id, "p2", "--reason", "a bot", "--yes")
    assert program.json("redeem", event_id, "SPRING-0002", "--key", ORDERS[4], code=1)["error"]["code"] == "revoked"
    assert program.json("audit", event_id)["ok"] is True


def test_a_coupon_without_codes_is_redeemed_by_its_owner(program: Program, campaign: Campaign, event_id: str) -> None:
    """Where an event has no codes a shop names the person, and whoever has no coupon is refused."""
    campaign.open(1)
    campaign.win("alice")
    campaign.wait_consumed()
    assert program.json("redeem", event_id, "--user", "alice", "--key", ORDERS[1])["ticket"] == 1
    assert (
        program.json("redeem", event_id, "--user", "bob", "--key", ORDERS[2], code=1)["error"]["code"] == "not_issued"
    )


def test_a_large_file_travels_in_pieces(
    program: Program, campaign: Campaign, event_id: str, codes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was uploaded before an error is not uploaded twice; from stdin too."""
    monkeypatch.setattr("firstcome_cli.commands.codes.CODES_PER_REQUEST", 3)
    campaign.create(COUPONS)
    text = codes.read_text("utf-8-sig")
    assert program.json("codes", "upload", event_id, "-", given=text)["codes"] == {"uploaded": COUPONS, "of": COUPONS}
    late = program.json("codes", "upload", event_id, "-", "--first-ticket", "11", given="SPRING-0011\n", code=1)
    assert late["error"]["kind"] == "refused"
    empty = program("codes", "upload", event_id, "-", given="A\n\nB\n", code=2)
    assert "line 2 is empty" in empty.err


def test_a_rehearsal_with_codes_is_like_the_real_event(
    program: Program, campaign: Campaign, event_id: str, codes: Path, tmp_path: Path
) -> None:
    """Capacity and codes are those of the event that is named; its winners have codes."""
    campaign.create(COUPONS)
    program.json("codes", "upload", event_id, str(codes))
    asked = ("--like", event_id, "--people", "20", "--rate", "40", "--report", str(tmp_path / "report.html"))
    result = program.json("rehearse", *asked)
    assert (result["ok"], result["codes"], result["capacity"]) == (True, True, COUPONS)
    assert all(one["code"] for one in program.json("winners", result["event_id"])["winners"])
