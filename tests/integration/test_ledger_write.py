"""The one insert, its verdicts, and what becomes of the rows that the ledger does not take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstcome.ledger.coupons import Claim, Outcome
from firstcome.ledger.failed_events import Failure, Source
from firstcome.rules import FailedStatus, Reason, Ticket
from tests.integration.claims import AT_MS, CAPACITY, claim, reasons

if TYPE_CHECKING:
    import pymysql

    from firstcome.ledger.ledger import Ledger

pytestmark = pytest.mark.usefixtures("event_e")


def outcomes(ledger: Ledger, *claims: Claim) -> list[Outcome]:
    return [verdict.outcome for verdict in ledger.write(claims).verdicts]


def test_a_whole_batch_becomes_rows(ledger: Ledger) -> None:
    """Every claim that nothing speaks against is a row, with its time to the millisecond."""
    written = ledger.write([claim("b", 2), claim("a", 1)])
    assert (written.issued, written.stored, written.failed_tickets) == (2, 0, [])
    assert [(verdict.ticket, verdict.row) for verdict in written.verdicts] == [
        (claim("b", 2).ticket, claim("b", 2).ticket),
        (claim("a", 1).ticket, claim("a", 1).ticket),
    ]
    assert list(ledger.coupons("E")) == [claim("a", 1).ticket, claim("b", 2).ticket]


def test_the_same_again_is_issued_and_changes_nothing(ledger: Ledger) -> None:
    """A batch delivered twice, or holding a record twice, ends with the same rows."""
    batch = [claim("a", 1), claim("a", 1), claim("b", 2)]
    assert ledger.write(batch).issued == 2
    again = ledger.write(batch)
    assert again.issued == 0
    assert {verdict.outcome for verdict in again.verdicts} == {Outcome.ISSUED}
    assert again.verdicts[0].row == claim("a", 1).ticket
    assert ledger.audit_counts("E").rows == 2


@pytest.mark.parametrize(
    ("late", "outcome", "row", "has_row"),
    [
        pytest.param(claim("a", 1, "nowhere"), Outcome.UNKNOWN_EVENT, None, False, id="no such event"),
        pytest.param(claim("a", 1, "e"), Outcome.UNKNOWN_EVENT, None, False, id="the event's name in another case"),
        pytest.param(claim("refused", 2), Outcome.REFUSED, None, False, id="refused, ticket free"),
        pytest.param(claim("refused", 9), Outcome.REFUSED, None, False, id="refused comes before out of range"),
        pytest.param(claim("refused", 1), Outcome.REFUSED, None, True, id="refused comes before taken"),
        pytest.param(claim("a", 1), Outcome.ISSUED, claim("a", 1).ticket, True, id="same again"),
        pytest.param(claim("a", 2), Outcome.OTHER, claim("a", 1).ticket, False, id="has another ticket"),
        pytest.param(claim("a", 9), Outcome.OTHER, claim("a", 1).ticket, False, id="other comes before out of range"),
        pytest.param(claim("b", CAPACITY + 1), Outcome.OUT_OF_RANGE, None, False, id="above the capacity"),
        pytest.param(claim("b", 0), Outcome.OUT_OF_RANGE, None, False, id="below 1"),
        pytest.param(claim("b", 1), Outcome.TAKEN, None, True, id="somebody else's"),
        pytest.param(claim("A", 1), Outcome.TAKEN, None, True, id="A is not a"),
    ],
)
def test_a_verdict_says_why(
    ledger: Ledger, late: Claim, outcome: Outcome, row: Ticket | None, *, has_row: bool
) -> None:
    """What did not become a row gets the first verdict that holds, and the person's own row with it."""
    ledger.write([claim("a", 1)])
    ledger.refuse("E", "refused", "for the test")
    written = ledger.write([claim("new", 3), late])
    assert written.issued == 1
    assert written.verdicts[0].outcome is Outcome.ISSUED
    verdict = written.verdicts[1]
    assert (verdict.ticket, verdict.outcome, verdict.row, verdict.ticket_has_row) == (
        late.ticket,
        outcome,
        row,
        has_row,
    )


def test_a_batch_that_disagrees_with_itself_is_judged_in_order(ledger: Ledger) -> None:
    """Two people with one ticket: the first in the batch has it. One person with two tickets: the lower one stays."""
    assert outcomes(ledger, claim("a", 1), claim("b", 1)) == [Outcome.ISSUED, Outcome.TAKEN]
    assert outcomes(ledger, claim("c", 3), claim("c", 2)) == [Outcome.OTHER, Outcome.ISSUED]


def test_ids_that_differ_in_case_only_stay_apart(ledger: Ledger) -> None:
    """`a` and `A` are two people, `E` and `e` two events, on both servers."""
    ledger.create_event("e", "Another event", CAPACITY, AT_MS, AT_MS + 1)
    batch = [claim("a", 1), claim("A", 2), claim("a", 1, "e"), claim("A", 2, "e")]
    assert outcomes(ledger, *batch) == [Outcome.ISSUED] * 4
    assert [ledger.audit_counts(event_id).rows for event_id in ("E", "e")] == [2, 2]


def test_what_failed_for_good_is_a_failed_row_with_its_record(ledger: Ledger) -> None:
    """Taken, out of range and unknown event leave a failed row each, and so does what could not be read."""
    ledger.write([claim("a", 1)])
    source = Source("coupon_create", 1, 42, AT_MS)
    bad = Failure(Reason.NOT_JSON, "no JSON", b"\xff\x00", source=Source("coupon_create", 1, 43, AT_MS))
    written = ledger.write(
        [claim("b", 1, source=source), claim("c", 9), claim("d", 1, "nowhere"), claim("a", 2)], [bad]
    )
    assert written.stored == 4
    assert written.failed_tickets == [claim("b", 1).ticket, claim("c", 9).ticket, claim("d", 1, "nowhere").ticket]
    rows = {row.reason: row for row in ledger.list_failed(None, FailedStatus.WAITING, 10)}
    assert set(rows) == {Reason.TICKET_TAKEN, Reason.TICKET_OUT_OF_RANGE, Reason.UNKNOWN_EVENT, Reason.NOT_JSON}
    taken = rows[Reason.TICKET_TAKEN]
    assert (taken.claim, taken.payload, taken.source, taken.attempts) == (
        claim("b", 1).ticket,
        b"the record",
        source,
        0,
    )
    assert rows[Reason.TICKET_OUT_OF_RANGE].source is None
    unread = rows[Reason.NOT_JSON]
    assert (unread.claim, unread.event_id, unread.payload, unread.detail) == (None, None, b"\xff\x00", "no JSON")


def test_retry_is_told_verdicts_and_stores_nothing(ledger: Ledger) -> None:
    """Without `record`, the failed row that is being retried stays the only one."""
    ledger.write([claim("a", 1)])
    written = ledger.write([claim("b", 1)], record=False)
    assert [verdict.outcome for verdict in written.verdicts] == [Outcome.TAKEN]
    assert (written.stored, written.failed_tickets, reasons(ledger)) == (0, [], [])


def test_a_record_and_the_sweep_share_one_open_failed_row(ledger: Ledger) -> None:
    """However often a ticket fails, and whoever brings it, one open row owns it; a closed one does not count."""
    ledger.write([claim("a", 1)])
    sources = [None, Source("t", 0, 1, AT_MS), Source("t", 0, 2, AT_MS), None]
    assert [ledger.write([claim("b", 1, source=source)]).stored for source in sources] == [1, 0, 0, 0]
    row = ledger.claim_failed(10, 60_000).rows[0]
    assert ledger.resolve_failed(row, FailedStatus.RESOLVED)
    assert ledger.write([claim("b", 1)]).stored == 1


def test_a_bad_record_delivered_again_is_stored_once(ledger: Ledger) -> None:
    """The place in the stream is the record's name; a topic made anew has other timestamps, so other records."""
    bad = [Failure(Reason.NOT_JSON, "", b"x", source=Source("t", 0, 7, at_ms)) for at_ms in (AT_MS, AT_MS, AT_MS + 1)]
    assert ledger.write([], bad).stored == 2
    assert ledger.write([], bad).stored == 0


@given(payload=st.binary(max_size=200), detail=st.text(st.characters(), max_size=1_200))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_in_a_record_its_failed_row_can_be_stored(ledger: Ledger, payload: bytes, detail: str) -> None:
    """A failed row that cannot be stored would hold up its partition for ever: any bytes and any text must fit."""
    source = Source("t", 0, 0, AT_MS)
    odd = Failure(Reason.BAD_FIELD, detail, payload, "E" * 65, "no blanks", 2**31, -1, source)
    ledger.wipe("E")
    with ledger.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM failed_event")
    assert ledger.write([], [odd]).stored == 1
    row = ledger.list_failed(None, None, 10)[0]
    assert row.payload == payload
    assert (row.event_id, row.user_id, row.ticket, row.applied_at_ms) == (None, None, None, None)


@pytest.mark.parametrize(
    "ticket",
    [
        Ticket("E" * 65, "a", 1, AT_MS),
        Ticket("E", "a" * 256, 1, AT_MS),
        Ticket("E", "ä", 1, AT_MS),
        Ticket("E", "a", 2**31, AT_MS),
        Ticket("E", "a", True, AT_MS),
        Ticket("E", "a", 1, -1),
        Ticket("E", "a", 1, 2**53),
    ],
)
def test_what_the_server_would_convert_is_rejected_before(ledger: Ledger, ticket: Ticket) -> None:
    """Both servers cut and round without a word: a ticket that is not one never reaches them, its neighbours do."""
    assert outcomes(ledger, Claim(ticket), claim("b", 2)) == [Outcome.REJECTED, Outcome.ISSUED]
    assert [reason for reason, _ in reasons(ledger)] == [Reason.LEDGER_REJECTED]


def questions(ledger: Ledger) -> int:
    def read(connection: pymysql.Connection[pymysql.cursors.Cursor]) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SHOW SESSION STATUS LIKE 'Questions'")
            return int(cursor.fetchall()[0][1])

    return ledger.read(read)


@pytest.mark.parametrize("size", [2, 20, 500])
def test_the_number_of_statements_does_not_grow_with_the_batch(ledger: Ledger, size: int) -> None:
    """Begin, insert and commit; where something was not issued, the read-back and one insert of failed rows."""
    ledger.create_event("many", "Many", size, AT_MS, AT_MS + 1)
    before = questions(ledger)
    ledger.write([claim(f"u{n}", n, "many") for n in range(1, size + 1)])
    issued = questions(ledger)
    ledger.write([claim(f"v{n}", n, "many") for n in range(1, size + 1)])
    assert ledger.count_failed("many")[FailedStatus.WAITING] == size
    failed = questions(ledger)
    looked = 1
    assert (issued - before - looked, failed - issued - 2 * looked) == (3, 5)


PEOPLE = st.sampled_from(["a", "A", "b", "c"])
CLAIMS = st.builds(claim, PEOPLE, st.integers(0, 4), st.sampled_from(["E", "e", "nowhere"]))
CAPACITIES = {"E": CAPACITY, "e": 2}


@given(
    batches=st.lists(st.lists(CLAIMS, max_size=8), max_size=3),
    refused=st.sets(st.tuples(st.sampled_from(["E", "e"]), PEOPLE)),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_ledger_agrees_with_its_model(
    ledger: Ledger, batches: list[list[Claim]], refused: set[tuple[str, str]]
) -> None:
    """Whatever comes in whatever order, rows and verdicts are those of twenty lines of Python."""
    for event_id, capacity in CAPACITIES.items():
        ledger.wipe(event_id)
        ledger.create_event(event_id, "An event", capacity, AT_MS, AT_MS + 1)
    for event_id, user_id in refused:
        assert ledger.refuse(event_id, user_id, "for the test").done
    rows: dict[tuple[str, str], int] = {}
    for batch in batches:
        written = ledger.write(batch)
        for one in sorted((each.ticket for each in batch), key=lambda one: (one.event_id, one.number)):
            person = (one.event_id, one.user_id)
            taken = (one.event_id, one.number) in {(event_id, ticket) for (event_id, _), ticket in rows.items()}
            free = 1 <= one.number <= CAPACITIES.get(one.event_id, 0) and not taken
            if free and person not in refused and person not in rows:
                rows[person] = one.number
        assert [one.outcome for one in written.verdicts] == [model(each.ticket, rows, refused) for each in batch]
    for event_id in CAPACITIES:
        assert {(event_id, row.user_id): row.number for row in ledger.coupons(event_id)} == {
            person: ticket for person, ticket in rows.items() if person[0] == event_id
        }


def model(one: Ticket, rows: dict[tuple[str, str], int], refused: set[tuple[str, str]]) -> Outcome:
    mine = rows.get((one.event_id, one.user_id))
    if one.event_id not in CAPACITIES:
        return Outcome.UNKNOWN_EVENT
    if (one.event_id, one.user_id) in refused:
        return Outcome.REFUSED
    if mine is not None:
        return Outcome.ISSUED if mine == one.number else Outcome.OTHER
    return Outcome.TAKEN if 1 <= one.number <= CAPACITIES[one.event_id] else Outcome.OUT_OF_RANGE
