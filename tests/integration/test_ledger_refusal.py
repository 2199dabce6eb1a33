"""Refusing a person: for good, in the ledger first, and never beside a coupon row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firstcome.ledger.coupons import Outcome
from firstcome.ledger.refusals import Refused
from firstcome.ledger.statements import statements
from firstcome.rules import BadInput, FailedStatus, Unavailable
from tests.integration.claims import claim

if TYPE_CHECKING:
    from firstcome.ledger.ledger import Ledger

pytestmark = pytest.mark.usefixtures("event_e")


def test_a_refused_person_gets_no_row_whatever_is_delivered(ledger: Ledger) -> None:
    """A redelivered record does not undo a refusal; refusing again changes nothing."""
    assert ledger.refuse("E", "a", "no ticket left") == Refused(done=True)
    assert ledger.refuse("E", "a", "again") == Refused(done=True)
    written = ledger.write([claim("a", 1), claim("A", 2)])
    assert [one.outcome for one in written.verdicts] == [Outcome.REFUSED, Outcome.ISSUED]
    assert (written.stored, ledger.refusals("E")) == (0, ["a"])


def test_a_person_with_a_row_is_not_refused(ledger: Ledger) -> None:
    """The row stays, and is the answer."""
    ledger.write([claim("a", 1)])
    assert ledger.refuse("E", "a", "too late") == Refused(done=False, row=claim("a", 1).ticket)
    assert ledger.refusals("E") == []


def test_a_refusal_closes_the_persons_failed_rows(ledger: Ledger) -> None:
    """It answers their tickets, and which of them somebody has: the others are free."""
    ledger.write([claim("a", 1)])
    ledger.write([claim("b", 1), claim("b", 9), claim("c", 9)])
    assert ledger.refuse("E", "b", "for the test") == Refused(done=True, freed=((1, True), (9, False)))
    assert ledger.count_failed("E")[FailedStatus.REFUSED] == 2
    assert ledger.open_failed("E") == [claim("c", 9).ticket]


def test_retry_refuses_only_while_the_failed_row_is_its_own(ledger: Ledger) -> None:
    """With the row and its lease: nothing happens once somebody else works on it, or has closed it."""
    ledger.write([claim("b", 9)])
    (lost,) = ledger.claim_failed(1, lease_ms=0).rows
    (row,) = ledger.claim_failed(1, 60_000).rows
    assert ledger.refuse("E", "b", "late", failed_id=lost.id, lease=lost.lease) == Refused(done=False)
    assert ledger.refusals("E") == []
    assert ledger.refuse("E", "b", "in time", failed_id=row.id, lease=row.lease) == Refused(
        done=True, freed=((9, False),)
    )
    assert ledger.refuse("E", "b", "again", failed_id=row.id, lease=row.lease) == Refused(done=False)


def test_refusing_in_an_event_that_is_not_there_is_bad_input(ledger: Ledger) -> None:
    """There is nothing to refuse, and the next call works."""
    with pytest.raises(BadInput, match="no event"):
        ledger.refuse("nowhere", "a", "for the test")
    assert ledger.refusals("nowhere") == []


def test_a_refusal_waits_for_a_batch_that_may_hold_the_person(ledger: Ledger, hasty: Ledger) -> None:
    """The insert holds the event's row until it commits: the refusal is before or after the whole batch."""
    with ledger.connect() as other:
        other.begin()
        batch = '[["E", 3, "somebody", "2030-01-01 00:00:00.000"]]'
        assert statements.insert_coupons(other, batch=batch) == 1
        with pytest.raises(Unavailable, match="1205"):
            hasty.refuse("E", "a", "for the test")
        other.commit()
    assert hasty.refuse("E", "somebody", "too late").row is not None


def test_a_batch_waits_for_a_refusal(ledger: Ledger, hasty: Ledger) -> None:
    """The refusal holds the event's row: a batch is judged by what it decided."""
    with ledger.connect() as other:
        other.begin()
        assert statements.lock_event(other, event_id="E") is not None
        with pytest.raises(Unavailable, match="1205"):
            hasty.write([claim("a", 1)])
        statements.insert_refusal(other, event_id="E", user_id="a", reason="first")
        other.commit()
    assert hasty.write([claim("a", 1)]).verdicts[0].outcome is Outcome.REFUSED


def test_the_read_back_waits_for_what_is_not_committed_yet(ledger: Ledger, hasty: Ledger) -> None:
    """A verdict comes from committed rows, never from a snapshot that is behind them."""
    ledger.refuse("E", "b", "for the test")
    with ledger.connect() as other:
        other.begin()
        assert statements.insert_coupons(other, batch='[["E", 1, "a", "2030-01-01 00:00:00.000"]]') == 1
        with pytest.raises(Unavailable, match="1205"):
            hasty.write([claim("b", 1)])
        other.commit()
    assert hasty.write([claim("b", 1)]).verdicts[0].ticket_has_row
