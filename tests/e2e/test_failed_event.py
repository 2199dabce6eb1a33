"""What becomes of a row that failed: the operator sees it, repairs or refuses it, and the schedule does the rest."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dev.cloud import ROOT
from firstcome.rules import FailedStatus
from tests.clouds import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.campaign import Campaign

ATTEMPTS = int(SETTINGS["FIRSTCOME_FAILED_ATTEMPTS"])


def bury(campaign: Campaign, wait_until: Callable[..., None]) -> int:
    """Step the schedule until the event's failed row is dead; return its id."""

    def dead() -> bool:
        campaign.retry()
        return bool(campaign.failed("dead"))

    wait_until(dead, "the attempts are used up")
    [row] = campaign.failed()
    assert row["attempts"] == ATTEMPTS
    return int(row["id"])


def test_a_failed_row_is_issued_by_the_clock_once_repaired(
    campaign: Campaign, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    """The whole way: it fails alone in its batch, is listed, repaired, made due by the operator, and issued."""
    campaign.open()
    with campaign.rejected("bob"):
        with campaign.unconsumed():
            campaign.win("alice", "bob", "carol")
        campaign.wait_consumed()
        assert campaign.holders() == {"alice": 1, "carol": 3}, "the good ones of the batch"
        [row] = campaign.failed()
        shown = {name: row[name] for name in ("user_id", "ticket", "reason", "status", "attempts")}
        assert shown == {
            "user_id": "bob",
            "ticket": 2,
            "reason": "ledger_rejected",
            "status": "waiting",
            "attempts": 0,
        }
        assert "not this one" in row["detail"]
        assert json.loads(row["payload"])["user_id"] == "bob", "the raw record is kept"
        assert campaign.status("bob").word == (200, "failed")
        row_id = bury(campaign, wait_until)

    assert campaign.operate("redrive", id=row_id) == {"action": "redrive", "due": 1}
    # The clock and the schedule are the real ones, but for the minute, which lasts a second.
    retry = campaign.cloud.functions["retry"]
    [schedule] = retry.schedules
    assert schedule.every_s == 60
    functions = tmp_path / "functions.json"
    hurried = dataclasses.replace(retry, schedules=(dataclasses.replace(schedule, every_s=1),))
    functions.write_text(json.dumps([dataclasses.asdict(hurried)]))
    clock = subprocess.Popen([sys.executable, "-m", "dev.clock", functions, campaign.cloud.lambda_url], cwd=ROOT)
    try:
        wait_until(lambda: campaign.status("bob").word == (200, "issued"), "the clock has bob's row issued")
    finally:
        clock.terminate()
        clock.wait()
    assert campaign.holders() == {"alice": 1, "bob": 2, "carol": 3}, "bob has the ticket that he was told"
    assert [one["status"] for one in campaign.failed()] == ["resolved"]
    campaign.assert_promise(rows=3)


def test_a_dead_row_is_shown_by_the_audit_and_can_be_redriven(
    campaign: Campaign, wait_until: Callable[..., None]
) -> None:
    """What fails for good waits for the operator, who brings it back once the cause has gone."""
    campaign.open()
    with campaign.rejected("alice"):
        campaign.win("alice")
        campaign.wait_consumed()
        row_id = bury(campaign, wait_until)
        assert campaign.status("alice").word == (200, "failed")
        [finding] = campaign.operate("audit")["findings"]
        assert (finding["invariant"], finding["what"], finding["who"]["id"]) == ("I3", "a dead failed row", row_id)
        campaign.retry()
        [row] = campaign.failed()
        assert (row["status"], row["attempts"]) == ("dead", ATTEMPTS), "the schedule leaves it alone"
    campaign.operate("redrive", all=True)
    assert campaign.retry()["redriven"][FailedStatus.RESOLVED] >= 1
    assert campaign.holders() == {"alice": 1}
    campaign.assert_promise(rows=1)


@pytest.mark.parametrize("by", ["row", "person"])
def test_the_ticket_of_somebody_refused_goes_to_the_next(
    by: str, campaign: Campaign, wait_until: Callable[..., None]
) -> None:
    """Refused for good, whatever is delivered again; and no coupon is wasted."""
    campaign.open(capacity=1)
    with campaign.rejected("alice"):
        campaign.win("alice")
        campaign.wait_consumed()
    assert campaign.apply("bob").code == (409, "sold_out")
    [row] = campaign.failed()
    campaign.operate("refuse", **({"id": row["id"]} if by == "row" else {"user_id": "alice"}), reason="asked to leave")
    assert [one["status"] for one in campaign.failed()] == ["refused"]
    assert campaign.apply("alice").code == (409, "refused")
    assert campaign.status("alice").word == (200, "refused")

    # It rests for a moment, so that nobody is told "sold out" from memory while others are served.
    wait_until(lambda: campaign.apply("bob").status == 202, "bob is given the ticket that came free")
    campaign.send(campaign.ticket("alice", 1))
    campaign.wait_consumed()
    campaign.retry()
    assert campaign.holders() == {"bob": 1}
    assert campaign.apply("alice").code == (409, "refused")
    campaign.assert_promise(rows=1)


def test_a_record_for_a_ticket_that_is_taken_gets_the_next_one(campaign: Campaign) -> None:
    """As after a failover that forgot an application: the ledger's key decides, the schedule reassigns."""
    campaign.open(capacity=2)
    campaign.win("alice")
    campaign.wait_consumed()
    campaign.send(campaign.ticket("bob", 1))
    campaign.wait_consumed()
    [row] = campaign.failed()
    assert (row["user_id"], row["ticket"], row["reason"]) == ("bob", 1, "ticket_taken")
    assert campaign.status("bob").word == (200, "failed")
    assert campaign.retry()["redriven"][FailedStatus.RESOLVED] >= 1
    assert campaign.holders() == {"alice": 1, "bob": 2}
    assert campaign.status("bob").body["ticket"] == 2
    campaign.assert_promise(rows=2)


def test_a_record_for_a_taken_ticket_is_refused_when_sold_out(campaign: Campaign) -> None:
    """As after a failover that forgot an application, when nothing is left to give: refused for good, and said so."""
    campaign.open(capacity=1)
    campaign.win("alice")
    campaign.wait_consumed()
    campaign.send(campaign.ticket("bob", 1))
    campaign.wait_consumed()
    assert campaign.retry()["redriven"][FailedStatus.REFUSED] >= 1
    assert campaign.holders() == {"alice": 1}
    assert campaign.apply("bob").code == (409, "refused")
    assert campaign.status("bob").word == (200, "refused")
    campaign.assert_promise(rows=1)


def test_a_ticket_without_a_record_is_issued_by_the_schedule(
    campaign: Campaign, wait_until: Callable[..., None]
) -> None:
    """Where apply died after the gate, the sweep issues the ticket."""
    campaign.open()
    campaign.win("alice")
    campaign.die_after_gate("bob")
    assert campaign.status("bob").word == (200, "pending")
    wait_until(lambda: campaign.retry()["swept"], "bob's ticket is overdue, and swept")
    campaign.wait_consumed()
    assert campaign.holders() == {"alice": 1, "bob": 2}
    campaign.assert_promise(rows=2)
