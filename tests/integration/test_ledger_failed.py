"""Failed rows: claimed under a lease, each by one retry, until they are resolved, refused or dead."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from firstcome.ledger.coupons import Claim
from firstcome.ledger.failed_events import Failure, Source
from firstcome.ledger.leases import PutOff
from firstcome.ledger.statements import statements
from firstcome.rules import FailedStatus, Reason, Ticket

if TYPE_CHECKING:
    from firstcome.ledger.failed_events import FailedRow
    from firstcome.ledger.ledger import Ledger

AT_MS = 1_700_000_000_123
LEASE_MS = 60_000


def ticket(user_id: str, number: int) -> Ticket:
    return Ticket("E", user_id, number, AT_MS)


def fail(ledger: Ledger, count: int) -> None:
    """Store failed rows of `count` people: there is no event, so none of them can be issued."""
    assert ledger.write([Claim(ticket(f"u{n}", n), b"the record") for n in range(count)]).stored == count


def claim_one(ledger: Ledger) -> FailedRow:
    (row,) = ledger.claim_failed(1, LEASE_MS).rows
    return row


def only(ledger: Ledger) -> FailedRow:
    (row,) = ledger.list_failed(None, None, 10)
    return row


def test_a_new_row_is_due_at_once_and_claimed_once(ledger: Ledger) -> None:
    """A claimed row carries its lease and counts the attempt; nobody claims it while the lease runs."""
    fail(ledger, 1)
    row = claim_one(ledger)
    assert (row.attempts, len(row.lease), row.claim, row.payload) == (1, 32, ticket("u0", 0), b"the record")
    assert ledger.claim_failed(10, LEASE_MS).rows == []
    assert only(ledger).lease == row.lease


def test_a_lease_that_ran_out_makes_the_row_due_again(ledger: Ledger) -> None:
    """A retry that died holds a row no longer than its lease; what it does later changes nothing."""
    fail(ledger, 1)
    (dead,) = ledger.claim_failed(1, lease_ms=0).rows
    row = claim_one(ledger)
    assert row.attempts == 2
    assert not ledger.resolve_failed(dead, FailedStatus.RESOLVED)
    assert not ledger.move_failed(dead, ticket("u0", 9))
    assert not ledger.put_off([PutOff(dead, FailedStatus.WAITING, 0, Reason.TICKET_TAKEN, "", counted=True)])
    assert not ledger.put_off([PutOff(dead, FailedStatus.DEAD, 0, Reason.TICKET_TAKEN, "")])
    assert replace(only(ledger), next_attempt_at_ms=0, updated_at_ms=0) == replace(
        row, next_attempt_at_ms=0, updated_at_ms=0
    )
    assert ledger.resolve_failed(row, FailedStatus.RESOLVED)


def test_two_retries_claim_different_rows_and_do_not_wait(ledger: Ledger) -> None:
    """Rows that one transaction has locked are passed over by the next, at once."""
    fail(ledger, 10)
    with ledger.connect() as other:
        statements.next_read_committed(other)
        other.begin()
        locked = {row[0] for row in statements.due_failed(other, page=4)}
        claimed = {row.id for row in ledger.claim_failed(10, LEASE_MS).rows}
        other.rollback()
    assert (len(locked), len(claimed)) == (4, 6)
    assert not locked & claimed


def test_claims_do_not_hold_up_new_failed_rows(ledger: Ledger) -> None:
    """The search for due rows locks rows and no gaps: consume stores a failed row while a claim is open."""
    fail(ledger, 3)
    with ledger.connect() as other:
        statements.next_read_committed(other)
        other.begin()
        assert len(list(statements.due_failed(other, page=10))) == 3
        assert ledger.write([Claim(ticket("late", 77))]).stored == 1
        other.rollback()


def test_a_row_that_has_used_up_its_attempts_dies(ledger: Ledger) -> None:
    """After `failed_attempts` claims nobody retries any more: an operator decides."""
    fail(ledger, 1)
    for _ in range(ledger.settings.failed_attempts):
        assert len(ledger.claim_failed(10, lease_ms=0).rows) == 1
    claimed = ledger.claim_failed(10, lease_ms=0)
    assert (claimed.rows, claimed.buried) == ([], 1)
    assert (only(ledger).status, only(ledger).attempts) == (FailedStatus.DEAD, ledger.settings.failed_attempts)
    assert ledger.claim_failed(10, lease_ms=0).buried == 0


@pytest.mark.parametrize(("counted", "attempts"), [(True, 1), (False, 0)])
def test_a_postponed_row_waits_and_says_why(ledger: Ledger, *, counted: bool, attempts: int) -> None:
    """Its lease is given back at once, and the attempt too where the trouble was not the row's."""
    fail(ledger, 1)
    row = claim_one(ledger)
    assert ledger.put_off(
        [PutOff(row, FailedStatus.WAITING, 3_600_000, Reason.TICKET_TAKEN, "it's 'taken'\n", counted=counted)]
    )
    now = only(ledger)
    assert (now.status, now.attempts, now.lease) == (FailedStatus.WAITING, attempts, "")
    assert (now.reason, now.detail) == (Reason.TICKET_TAKEN, "it's 'taken'?")
    assert 3_590_000 < now.next_attempt_at_ms - now.updated_at_ms < 3_610_000
    assert ledger.claim_failed(10, LEASE_MS).rows == []
    assert not ledger.put_off([PutOff(row, FailedStatus.WAITING, 0, Reason.TICKET_TAKEN, "", counted=counted)]), (
        "the lease was given back"
    )


def test_a_buried_row_is_dead_until_it_is_redriven(ledger: Ledger) -> None:
    """Redrive makes a dead row due now, with all its attempts."""
    fail(ledger, 1)
    row = claim_one(ledger)
    assert ledger.put_off([PutOff(row, FailedStatus.DEAD, 0, Reason.LEDGER_REJECTED, "no")])
    assert (only(ledger).status, only(ledger).detail) == (FailedStatus.DEAD, "no")
    assert ledger.claim_failed(10, LEASE_MS).rows == []
    assert ledger.redrive(row.id, None) == 1
    assert claim_one(ledger).attempts == 1


def test_redrive_takes_one_row_or_an_events_or_all(ledger: Ledger) -> None:
    """It takes what is waiting or dead, leased or not, and leaves what is closed."""
    fail(ledger, 3)
    ledger.write([Claim(Ticket("other", "u", 1, AT_MS))])
    rows = ledger.claim_failed(10, LEASE_MS).rows
    ledger.resolve_failed(rows[0], FailedStatus.RESOLVED)
    ledger.put_off([PutOff(rows[1], FailedStatus.DEAD, 0, Reason.UNKNOWN_EVENT, "")])
    assert ledger.redrive(rows[0].id, None) == 0
    assert ledger.redrive(None, "E") == 2
    assert not ledger.resolve_failed(rows[2], FailedStatus.RESOLVED), "the lease is gone"
    assert ledger.redrive(None, None) == 3


def test_a_moved_row_owns_the_other_ticket(ledger: Ledger) -> None:
    """It stays leased, and its old ticket is nobody's."""
    fail(ledger, 1)
    row = claim_one(ledger)
    assert ledger.move_failed(row, Ticket("E", "u0", 9, AT_MS + 1))
    assert only(ledger).claim == Ticket("E", "u0", 9, AT_MS + 1)
    assert ledger.open_failed("E") == [Ticket("E", "u0", 9, AT_MS + 1)]
    assert ledger.resolve_failed(row, FailedStatus.RESOLVED)


def test_a_row_moved_onto_an_open_row_of_its_ticket_is_closed(ledger: Ledger) -> None:
    """One open row per ticket of a person: the other one has it already."""
    fail(ledger, 1)
    ledger.write([Claim(ticket("u0", 9))])
    rows = {row.ticket: row for row in ledger.claim_failed(10, LEASE_MS).rows}
    assert not ledger.move_failed(rows[0], ticket("u0", 9))
    assert [row.status for row in ledger.list_failed("E", None, 10)] == [FailedStatus.RESOLVED, FailedStatus.WAITING]
    assert ledger.open_failed("E") == [ticket("u0", 9)]


def test_open_rows_are_those_that_own_a_ticket(ledger: Ledger) -> None:
    """Waiting and dead rows own theirs; closed ones, and those of other events, do not count."""
    fail(ledger, 4)
    ledger.write([Claim(Ticket("other", "u", 1, AT_MS))])
    rows = {row.user_id: row for row in ledger.claim_failed(10, LEASE_MS).rows}
    ledger.put_off([PutOff(rows["u1"], FailedStatus.DEAD, 0, Reason.UNKNOWN_EVENT, "")])
    ledger.resolve_failed(rows["u2"], FailedStatus.RESOLVED)
    ledger.resolve_failed(rows["u3"], FailedStatus.REFUSED)
    assert ledger.open_failed("E") == [ticket("u0", 0), ticket("u1", 1)]
    assert ledger.count_failed("E") == dict.fromkeys(FailedStatus, 1)
    assert ledger.count_failed()[FailedStatus.WAITING] == 2
    assert [row.user_id for row in ledger.list_failed("E", FailedStatus.DEAD, 10)] == ["u1"]


def test_a_row_can_be_read_by_its_id(ledger: Ledger) -> None:
    """An operator names a row by its id, closed or not."""
    ledger.write([Claim(ticket("u", 1), b"r", Source("t", 0, 5, AT_MS))])
    row = only(ledger)
    assert ledger.failed_row(row.id) == row
    assert row.source == Source("t", 0, 5, AT_MS)
    assert ledger.failed_row(row.id + 1) is None


def test_a_records_outcome_is_a_row_a_refusal_or_a_failed_row(ledger: Ledger) -> None:
    """By person, by ticket, or by the place of a record that nobody can read; in order, and of nobody else."""
    ledger.create_event("E", "An event", 1, 0, 1)
    ledger.write([Claim(ticket("row", 1)), Claim(ticket("taken", 1))])
    ledger.refuse("E", "refused", "")
    ledger.write([], [Failure(Reason.NOT_JSON, "", b"x", source=Source("topic", 1, 7, AT_MS))])
    asked = {
        "a row": (ticket("row", 9), ("topic", 0, 0, AT_MS)),
        "a failed row of the same ticket": (ticket("taken", 1), ("topic", 0, 1, AT_MS)),
        "one of another ticket": (ticket("taken", 2), ("topic", 0, 2, AT_MS)),
        "a refusal": (ticket("refused", 3), ("topic", 0, 3, AT_MS)),
        "nothing": (ticket("nobody", 1), ("topic", 0, 4, AT_MS)),
        "a failed row": (None, ("topic", 1, 7, AT_MS)),
        "one of another partition": (None, ("topic", 0, 7, AT_MS)),
        "one of an older topic of the same name": (None, ("topic", 1, 7, AT_MS - 1)),
    }
    known = {"a row", "a failed row of the same ticket", "a refusal", "a failed row"}
    found = dict(zip(asked, ledger.outcomes(list(asked.values())), strict=True))
    assert found == {what: what in known for what in asked}
    assert ledger.outcomes([]) == []
