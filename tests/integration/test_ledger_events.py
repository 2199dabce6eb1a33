"""Events in the ledger, and what is read of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firstcome.ledger import coupons
from firstcome.ledger.coupons import Claim, Counts, LedgerStanding
from firstcome.ledger.events import TRANSITIONS
from firstcome.rules import BadInput, EventState, FailedStatus, Ticket

if TYPE_CHECKING:
    from collections.abc import Callable

    from firstcome.ledger.ledger import Ledger

AT_MS = 1_893_456_000_123
DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def _event(ledger: Ledger) -> None:
    assert ledger.create_event("E", "Ünïcode 🎟", 3, AT_MS, AT_MS + DAY_MS)


def ticket(user_id: str, number: int) -> Ticket:
    return Ticket("E", user_id, number, AT_MS)


def test_an_event_is_made_once_as_a_draft(ledger: Ledger) -> None:
    """The second one of that name changes nothing; times keep their milliseconds."""
    assert not ledger.create_event("E", "Another", 9, 0, 1)
    event = ledger.event("E")
    assert event is not None
    assert (event.name, event.capacity, event.state) == ("Ünïcode 🎟", 3, EventState.DRAFT)
    assert (event.opens_at_ms, event.closes_at_ms) == (AT_MS, AT_MS + DAY_MS)
    assert (event.restore_epoch, event.config_version, event.ended_at_ms) == (1, 1, None)
    assert event.gate_fields["opens_at_ms"] == AT_MS
    assert ledger.event("e") is None


@pytest.mark.parametrize("start", [state for state in EventState if state is not EventState.DELETED])
@pytest.mark.parametrize("goal", EventState)
def test_an_event_goes_only_where_it_may(ledger: Ledger, start: EventState, goal: EventState) -> None:
    """A change raises the version; the state that it is in already is answered as it is; ended is the end."""
    if start is not EventState.DRAFT:
        if start is not EventState.ENDED:
            ledger.set_state("E", EventState.OPEN)
        ledger.set_state("E", start)
    before = ledger.event("E")
    assert before is not None
    if goal is start:
        assert ledger.set_state("E", goal) == before
    elif goal in TRANSITIONS[start]:
        after = ledger.set_state("E", goal)
        assert (after.state, after.config_version) == (goal, before.config_version + 1)
        assert (after.ended_at_ms is not None) == (goal is EventState.ENDED)
        # Of a deleted draft only its id is left: there is no event of it any more.
        assert ledger.event("E") == (None if goal is EventState.DELETED else after)
    else:
        with pytest.raises(BadInput, match=f"is {start}: it cannot become {goal}"):
            ledger.set_state("E", goal)
        assert ledger.event("E") == before


def test_capacity_is_raised_and_never_lowered(ledger: Ledger) -> None:
    """The one insert reads it anew: a ticket that was out of range is in range then."""
    assert ledger.write([Claim(ticket("a", 4))], record=False).issued == 0
    assert ledger.raise_capacity("E", 4).config_version == 2
    assert ledger.raise_capacity("E", 4).config_version == 2
    assert ledger.write([Claim(ticket("a", 4))]).issued == 1
    with pytest.raises(BadInput, match="never lowered"):
        ledger.raise_capacity("E", 3)
    ledger.set_state("E", EventState.ENDED)
    with pytest.raises(BadInput, match="has ended"):
        ledger.raise_capacity("E", 5)


def test_a_change_of_an_event_that_is_not_there_is_bad_input(ledger: Ledger) -> None:
    """Nothing is made by the way."""
    changes: list[Callable[[], object]] = [
        lambda: ledger.set_state("e", EventState.OPEN),
        lambda: ledger.raise_capacity("e", 9),
        lambda: ledger.next_restore_epoch("e"),
    ]
    for change in changes:
        with pytest.raises(BadInput, match="no event e"):
            change()


def test_every_restore_raises_the_restore_epoch(ledger: Ledger) -> None:
    """Two restores never have the same one."""
    assert [ledger.next_restore_epoch("E").restore_epoch for _ in range(3)] == [2, 3, 4]


def test_a_restore_leaves_the_version_as_it_is(ledger: Ledger) -> None:
    """Nobody has decided anything: an operator who saw the event before it has still seen it."""
    before, after = ledger.set_state("E", EventState.OPEN), ledger.next_restore_epoch("E")
    assert (after.config_version, after.restore_epoch) == (before.config_version, before.restore_epoch + 1)
    assert ledger.event("E") == after


def test_events_have_a_gate_until_their_retention_is_over(ledger: Ledger) -> None:
    """A live event has one, an ended one for some days more."""
    ledger.create_event("F", "Ended just now", 1, 0, 1)
    ledger.set_state("F", EventState.ENDED)
    assert [event.event_id for event in ledger.gated_events(0)] == ["E"]
    assert [event.event_id for event in ledger.gated_events(1)] == ["E", "F"]
    with ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE coupon_event SET ended_at = ended_at - INTERVAL 25 HOUR WHERE event_id = 'F'")
    assert [event.event_id for event in ledger.gated_events(1)] == ["E"]


def test_standing_is_all_that_the_ledger_knows_of_a_person(ledger: Ledger) -> None:
    """Row, refusal and open failed row, in one statement; nothing at all of an event that is not there."""
    ledger.write([Claim(ticket("a", 1))])
    ledger.write([Claim(ticket("b", 1))])
    ledger.refuse("E", "c", "for the test")
    assert ledger.standing("nowhere", "a") == LedgerStanding(None)
    assert ledger.standing("E", "A") == LedgerStanding(EventState.DRAFT)
    mine = ledger.standing("E", "a")
    assert (mine.row, mine.refused, mine.failed) == (ticket("a", 1), False, None)
    assert mine.issued_at_ms is not None
    failed = ledger.standing("E", "b")
    assert (failed.row, failed.failed, failed.failed_ticket, failed.failed_applied_at_ms) == (
        None,
        FailedStatus.WAITING,
        1,
        AT_MS,
    )
    assert ledger.standing("E", "c").refused


def test_rows_are_read_page_by_page(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows, by ticket, whatever the page's size: a million of them never stand in memory together."""
    ledger.raise_capacity("E", 10)
    rows = [ticket(f"u{number}", number) for number in (1, 2, 4, 5, 7, 10)]
    ledger.write([Claim(row) for row in rows])
    for page in (1, 2, 3, 6, 7):
        monkeypatch.setattr(coupons, "PAGE", page)
        assert list(ledger.coupons("E")) == rows, f"pages of {page}"
    assert list(ledger.coupons("nowhere")) == []


def test_rows_are_found_by_person_and_by_ticket(ledger: Ledger) -> None:
    """`has_row` asks for a ticket, and `standing` for a person: a name that differs by case is another one."""
    ledger.write([Claim(ticket("a", 1)), Claim(ticket("b", 3))])
    assert [ledger.has_row("E", number) for number in (1, 2)] == [True, False]
    assert ledger.standing("E", "b").row == ticket("b", 3)
    assert ledger.standing("E", "B").row is None
    assert ledger.audit_counts("E") == Counts(rows=2, people=2, tickets=2, low=1, high=3)
    assert ledger.audit_counts("nowhere") == Counts(rows=0, people=0, tickets=0, low=0, high=0)


def test_wipe_leaves_nothing_of_the_event(ledger: Ledger) -> None:
    """And everything of the others."""
    ledger.create_event("F", "Another", 3, 0, 1)
    ledger.write([Claim(ticket("a", 1)), Claim(Ticket("F", "a", 1, AT_MS))])
    ledger.write([Claim(ticket("b", 1)), Claim(Ticket("F", "b", 1, AT_MS))])
    ledger.refuse("E", "c", "for the test")
    ledger.wipe("E")
    assert ledger.event("E") is None
    assert (list(ledger.coupons("E")), ledger.refusals("E"), ledger.open_failed("E")) == ([], [], [])
    assert (len(list(ledger.coupons("F"))), len(ledger.open_failed("F"))) == (1, 1)
