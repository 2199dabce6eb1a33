"""Coupon rows: the one insert, what it did not take and why, and what everybody else reads of them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

import pymysql

from firstcome.ledger.database import Connection, Database
from firstcome.ledger.errors import TooLarge, is_indefinite
from firstcome.ledger.failed_events import Failure, Source, all_valid, store_failed, valid
from firstcome.ledger.statements import sql_time, statements
from firstcome.rules import EventState, FailedStatus, Reason, Ticket, Unavailable

PAGE = 10_000  # rows in memory at a time, while a million of them pass


class Claim(NamedTuple):
    """A ticket to be issued, with the record that carried it, in case it must become a failed row."""

    ticket: Ticket
    payload: bytes = b""
    source: Source | None = None
    correlation_id: str = ""
    note: str = ""  # about the payload, for whoever reads the failed row


class Outcome(StrEnum):
    """What the ledger says of one claim. The first that holds, in this order."""

    UNKNOWN_EVENT = "unknown_event"
    REFUSED = "refused"  # the person gets no coupon of this event
    ISSUED = "issued"  # the row stands: new, or the same again
    OTHER = "other"  # the person has a row with another ticket
    OUT_OF_RANGE = "out_of_range"
    TAKEN = "taken"  # the ticket has a row of somebody else
    REJECTED = "rejected"  # the server takes the other rows, and not this one


# The outcomes that leave a failed row, and why.
FAILED_REASONS = {
    Outcome.UNKNOWN_EVENT: Reason.UNKNOWN_EVENT,
    Outcome.OUT_OF_RANGE: Reason.TICKET_OUT_OF_RANGE,
    Outcome.TAKEN: Reason.TICKET_TAKEN,
    Outcome.REJECTED: Reason.LEDGER_REJECTED,
}


class Verdict(NamedTuple):
    """What has become of one claim."""

    ticket: Ticket
    outcome: Outcome
    row: Ticket | None = None  # the person's own coupon row
    ticket_has_row: bool = False  # whoever it belongs to
    detail: str = ""  # of REJECTED: what the server said


@dataclass(frozen=True, slots=True)
class Written:
    """What one batch came to."""

    issued: int  # rows that are new
    verdicts: list[Verdict]  # one for each claim, in their order
    stored: int  # failed rows that are new
    failed_tickets: list[Ticket]  # the tickets that failed rows have now


@dataclass(frozen=True, slots=True)
class LedgerStanding:
    """What the ledger knows of one person."""

    state: EventState | None  # of the event; None: there is no such event, and nothing else is known
    row: Ticket | None = None
    issued_at_ms: int | None = None
    refused: bool = False
    failed: FailedStatus | None = None  # of the person's newest open failed row
    failed_ticket: int | None = None
    failed_applied_at_ms: int | None = None
    has_codes: bool = False  # the event has
    code: str | None = field(default=None, repr=False)  # of `row`, where its ticket has one


@dataclass(frozen=True, slots=True)
class Counts:
    """The figures of one event's rows. `rows`, `people` and `tickets` are equal while the keys are there."""

    rows: int
    people: int
    tickets: int
    low: int  # 0 where there are no rows
    high: int


def write(
    ledger: Database, claims: Sequence[Claim], failures: Sequence[Failure] = (), *, record: bool = True
) -> Written:
    """Issue the claims, and say what has become of each.

    With `record`, what did not become a row for a lasting reason is stored as a failed row, and so are `failures`;
    without it, nothing but coupon rows is written. The number of statements does not grow with the batch, unless the
    server rejects a row: then the guilty ones are found by halving, and the others are committed all the same.

    It is one transaction, unless the server refuses it for its size: then it is halved until the parts fit, and a
    payload that does not fit by itself is cut. Several transactions are as right as one. The insert decides each claim
    by the rows that are there, whoever brought them, and not by its neighbours; and a batch of which only a part was
    committed is what a process leaves that dies: it comes again, and changes nothing twice. The caller still hears of
    it when all is committed, so the gate is told, and the offset moves on, after the last part.

    Raises `Unavailable` when not all is known to be committed: also when a failed row cannot be stored.
    """
    try:
        return _write(ledger, claims, failures, record=record)
    except TooLarge:
        if len(claims) + len(failures) <= 1:
            return _write_cut(ledger, claims, failures, record=record)
    half = (len(claims) + len(failures)) // 2
    beyond = max(0, half - len(claims))
    first = write(ledger, claims[:half], failures[:beyond], record=record)
    second = write(ledger, claims[half:], failures[beyond:], record=record)
    return Written(
        first.issued + second.issued,
        first.verdicts + second.verdicts,
        first.stored + second.stored,
        first.failed_tickets + second.failed_tickets,
    )


def _write(ledger: Database, claims: Sequence[Claim], failures: Sequence[Failure], *, record: bool) -> Written:
    """Write all of it in one transaction; raise `TooLarge` where the server does not take as much."""

    def work(connection: Connection) -> Written:
        tickets = [claim.ticket for claim in claims]
        faults: dict[int, str] = {}
        if not all_valid(tickets):  # the server would convert such a ticket rather than refuse it
            faults = {n: "not a ticket that the gate hands out" for n, one in enumerate(tickets) if None in valid(*one)}
        batch = [n for n in range(len(tickets)) if n not in faults]
        batch.sort(key=[(event_id, number) for event_id, _, number, _ in tickets].__getitem__)
        issued = _insert(connection, claims, batch, faults)
        if issued == len(claims):
            verdicts = [Verdict(one, Outcome.ISSUED, one, ticket_has_row=True) for one in tickets]
        else:
            verdicts = _read_back(connection, claims, batch, faults)
        lost = [*failures, *_failures(claims, verdicts)] if record else []
        stored = store_failed(connection, lost)
        return Written(issued, verdicts, stored, [ticket for one in lost if (ticket := one.claim)])

    return ledger.transact(work)


def _write_cut(ledger: Database, claims: Sequence[Claim], failures: Sequence[Failure], *, record: bool) -> Written:
    """Write one claim or failure with the first half of its payload, or of that, and so on, until it fits."""
    whole = claims[0].payload if claims else failures[0].payload
    kept = len(whole)
    while kept:
        kept //= 2
        # Its end says so as well: the detail gives way to what becomes of the row later.
        note = f"payload cut: the first {kept} of {len(whole)} bytes"
        payload = whole[:kept] + f"[{note}]".encode()
        try:
            return _write(
                ledger,
                [claim._replace(payload=payload, note=note) for claim in claims],
                [replace(failure, payload=payload, detail=f"{note}; {failure.detail}") for failure in failures],
                record=record,
            )
        except TooLarge:
            continue
    raise Unavailable("mysql", "max_allowed_packet is too small for a single row: raise it")


def _insert(connection: Connection, claims: Sequence[Claim], batch: Sequence[int], faults: dict[int, str]) -> int:
    """Insert the claims numbered in `batch`, note in `faults` what the server rejects, and count the new rows.

    A statement that fails leaves nothing behind, so the halves of it may follow in the same transaction.
    """
    if not batch:
        return 0
    try:
        return int(statements.insert_coupons(connection, batch=_json(claims, batch)))
    except pymysql.Error as error:
        if is_indefinite(error):
            raise
        if len(batch) == 1:
            faults[batch[0]] = str(error)
            return 0
        half = len(batch) // 2
        return _insert(connection, claims, batch[:half], faults) + _insert(connection, claims, batch[half:], faults)


def _read_back(
    connection: Connection, claims: Sequence[Claim], batch: Sequence[int], faults: dict[int, str]
) -> list[Verdict]:
    verdicts = {n: Verdict(claims[n].ticket, Outcome.REJECTED, detail=fault) for n, fault in faults.items()}
    rows = statements.read_back(connection, batch=_json(claims, batch)) if batch else ()
    for n, row in zip(batch, rows, strict=True):
        verdicts[n] = _judge(claims[n].ticket, row, faults.get(n, ""))
    return [verdicts[n] for n in range(len(claims))]


def _judge(ticket: Ticket, columns: tuple[Any, ...], fault: str) -> Verdict:
    capacity, refused, mine, applied_at_ms, holder = columns
    has_row = holder is not None
    row = None if mine is None else Ticket(ticket.event_id, ticket.user_id, mine, applied_at_ms)
    if capacity is None:
        outcome = Outcome.UNKNOWN_EVENT
    elif refused:
        outcome = Outcome.REFUSED
    elif row is not None:
        outcome = Outcome.ISSUED if row.number == ticket.number else Outcome.OTHER
    elif not 1 <= ticket.number <= capacity:
        outcome = Outcome.OUT_OF_RANGE
    elif has_row:
        outcome = Outcome.TAKEN
    elif fault:
        return Verdict(ticket, Outcome.REJECTED, detail=fault)
    else:
        raise Unavailable("mysql", "a row that was inserted is not there: an error undid more than its statement")
    return Verdict(ticket, outcome, row, has_row)


def _failures(claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> Iterator[Failure]:
    for claim, verdict in zip(claims, verdicts, strict=True):
        reason = FAILED_REASONS.get(verdict.outcome)
        if reason is not None:
            one = claim.ticket
            detail = "; ".join(filter(None, (claim.note, verdict.detail or f"ticket {one.number}")))
            known = (one.event_id, one.user_id, one.number, one.applied_at_ms)
            yield Failure(reason, detail, claim.payload, *known, claim.source, claim.correlation_id)


def _json(claims: Sequence[Claim], batch: Sequence[int]) -> str:
    tickets = (claims[n].ticket for n in batch)
    rows = [(event_id, number, user_id, sql_time(at_ms)) for event_id, user_id, number, at_ms in tickets]
    return json.dumps(rows, separators=(",", ":"))


def coupons(ledger: Database, event_id: str) -> Iterator[Ticket]:
    """Return the event's rows by ticket, page by page: a row that is committed meanwhile may be among them or not."""
    after = 0
    while True:
        page = ledger.read(
            lambda connection, after=after: statements.coupons_after(  # type: ignore[misc]
                connection, event_id=event_id, after=after, page=PAGE
            )
        )
        for ticket, user_id, applied_at_ms in page:
            yield Ticket(event_id, user_id, ticket, applied_at_ms)
        if len(page) < PAGE:
            return
        after = page[-1][0]


def has_row(ledger: Database, event_id: str, ticket: int) -> bool:
    """Say whether the ticket has a coupon row."""
    return ledger.read(lambda connection: statements.has_row(connection, event_id=event_id, ticket=ticket)) is not None


def standing(ledger: Database, event_id: str, user_id: str) -> LedgerStanding:
    """Return what the ledger knows of one person, in one statement."""
    found = ledger.read(lambda connection: statements.standing(connection, event_id=event_id, user_id=user_id))
    if found is None:
        return LedgerStanding(None)
    state, ticket, applied_at_ms, issued_at_ms, refused, status, *failed = found[:-2]
    has_codes, code = found[-2:]
    row = None if ticket is None else Ticket(event_id, user_id, ticket, applied_at_ms)
    open_status = None if status is None else FailedStatus(status)
    text = None if code is None else code.decode("ascii")
    known = LedgerStanding(EventState(state), row, issued_at_ms, bool(refused), open_status, *failed)
    return replace(known, has_codes=bool(has_codes), code=text)


def audit_counts(ledger: Database, event_id: str) -> Counts:
    """Return how many rows, people and tickets the event has, counted one by one."""
    rows, people, tickets, low, high = ledger.read(
        lambda connection: statements.audit_counts(connection, event_id=event_id)
    )
    return Counts(rows, people, tickets, low or 0, high or 0)
