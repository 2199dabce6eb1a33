"""What operators see and change by commands: lists, people, history, drafts, versions, repeats."""

from __future__ import annotations

import csv
import io
import time
from typing import TYPE_CHECKING

from firstcome.rules import rfc3339
from firstcome_cli.commands.people import BOM, to_csv
from tests.world import HOUR_MS

if TYPE_CHECKING:
    import pytest

    from tests.cli.program import Program
    from tests.e2e.campaign import Campaign


def draft(program: Program, event_id: str) -> int:
    """Make a draft that opens in two hours; return its version."""
    now = int(time.time() * 1000)
    window = ("--opens-at", rfc3339(now + 2 * HOUR_MS), "--closes-at", rfc3339(now + 4 * HOUR_MS))
    made = program.json("event", "create", event_id, "--name", "Spring", "--capacity", "2", *window)
    version: int = made["event"]["config_version"]
    return version


def test_an_event_is_listed_with_its_state(program: Program, event_id: str) -> None:
    """`--state` shows the events of that state and no other."""
    draft(program, event_id)
    drafts = program.json("event", "list", "--state", "draft")["events"]
    assert event_id in {one["event_id"] for one in drafts}
    assert event_id not in {one["event_id"] for one in program.json("event", "list", "--state", "open")["events"]}
    assert event_id in program.under(COLUMNS="200")("event", "list").out


def test_every_page_of_a_list_is_read(
    program: Program, campaign: Campaign, event_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list goes on by `next` until its end, and names nothing twice."""
    monkeypatch.setattr("firstcome_cli.operator.PAGE", 2)
    campaign.open(5)
    people = [f"p{number}" for number in range(5)]
    campaign.win(*people)
    campaign.wait_consumed()
    assert [one["user_id"] for one in program.json("winners", event_id)["winners"]] == people
    assert len(program.json("history", event_id)["operations"]) == 2  # create, open
    assert len([one for one in program.json("event", "list")["events"] if one["event_id"] == event_id]) == 1


def test_a_winner_named_like_a_formula_is_text_in_csv(program: Program, campaign: Campaign, event_id: str) -> None:
    """With a BOM, so that a spreadsheet reads UTF-8."""
    campaign.open(2)
    campaign.win("=1+1", "bob")
    campaign.wait_consumed()
    out = program("winners", event_id, "--csv").out
    assert out.startswith(BOM)
    rows = list(csv.DictReader(io.StringIO(out.removeprefix(BOM))))
    assert [(row["ticket"], row["user_id"]) for row in rows] == [("1", "'=1+1"), ("2", "bob")]
    assert to_csv(["a"], [{"a": None}, {"a": -1}]).splitlines()[1:] == ['""', "'-1"]


def test_a_loser_is_told_why(program: Program, campaign: Campaign, event_id: str) -> None:
    """`lookup` says what the person was told, and when the last ticket was given."""
    campaign.open(1)
    campaign.win("alice")
    campaign.wait_consumed()
    alice = program.json("lookup", event_id, "alice")
    assert alice["row"]["ticket"] == 1
    told = program.json("lookup", event_id, "bob")["told"]
    assert (told["application"], told["sold_out_at"]) == ("sold_out", alice["row"]["applied_at"])
    assert f"The last ticket was given at {told['sold_out_at']}" in program("lookup", event_id, "bob").out
    assert "The last ticket" not in program("lookup", event_id, "alice").out


def test_a_draft_is_edited_and_deleted(program: Program, event_id: str) -> None:
    """What is not named stays as it was; a deleted draft is not there any more."""
    draft(program, event_id)
    edited = program.json("event", "edit", event_id, "--capacity", "7", "--spread", "10s")["event"]
    assert (edited["capacity"], edited["spread_ms"], edited["name"]) == (7, 10_000, "Spring")
    program.json("event", "delete", event_id, "--yes")
    assert program.json("event", "show", event_id, code=1)["error"]["kind"] == "not_there"


def test_an_opening_is_postponed(program: Program, event_id: str) -> None:
    """`reschedule` moves an opening that is far enough away to a later time."""
    draft(program, event_id)
    program.json("event", "open", event_id)
    later = rfc3339(int(time.time() * 1000) + 3 * HOUR_MS)
    assert program.json("event", "reschedule", event_id, "--opens-at", later)["event"]["opens_at"] == later


def test_of_two_operators_one_reads_that_it_has_changed(program: Program, event_id: str) -> None:
    """And history has both, with their names."""
    version = str(draft(program, event_id))
    ana, ben = program.under(FIRSTCOME_ACTOR="ana"), program.under(FIRSTCOME_ACTOR="ben")
    ana.json("event", "raise", event_id, "--capacity", "3", "--expect-version", version)
    ended = ben.json("event", "raise", event_id, "--capacity", "4", "--expect-version", version, code=1)
    assert "look at it again" in ended["error"]["detail"]
    found = program.json("history", event_id)["operations"]
    assert [(one["actor"], one["status"]) for one in found[:2]] == [("ben", "refused"), ("ana", "done")]


def test_a_repeat_under_its_request_id_changes_nothing(program: Program, event_id: str) -> None:
    """It is answered as the first was, though the event has changed since."""
    draft(program, event_id)
    words = ("event", "open", event_id, "--request-id", f"r-{event_id}")
    first = program.json(*words)
    program.json("event", "pause", event_id)
    again = program.json(*words)
    assert (again["repeated"], again["event"]) == (True, first["event"])
    assert program.json("event", "show", event_id)["event"]["state"] == "paused"
