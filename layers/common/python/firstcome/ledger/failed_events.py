"""Failed rows: what could not become a coupon row, stored with its raw record, and read by retry and operator."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pymysql

from firstcome.ledger.database import Connection, Database
from firstcome.ledger.errors import is_indefinite
from firstcome.ledger.statements import sql_time, statements
from firstcome.rules import (
    TIME_MAX_MS,
    BadInput,
    FailedStatus,
    Reason,
    Ticket,
    Unavailable,
    are_ids,
    check_event_id,
    check_user_id,
)

TICKET_MAX = 2**31 - 1  # the column's
DETAIL_MAX_LENGTH = 1_000  # the column's
PAYLOAD_MAX_BYTES = 2**24 - 1  # the column's

# Those of a ticket: event_id, user_id, number and applied_at_ms; None where it is not known, or no column holds it.
Fields = tuple[str | None, str | None, int | None, int | None]


class Source(NamedTuple):
    """Where a record stood in the stream. The timestamp is part of it: a topic made anew starts its offsets again."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int

    def __str__(self) -> str:
        """Return the place as logs write it."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that cannot become a coupon row, with what could be read of it."""

    reason: Reason
    detail: str
    payload: bytes
    event_id: str | None = None
    user_id: str | None = None
    ticket: int | None = None
    applied_at_ms: int | None = None
    source: Source | None = None
    correlation_id: str = ""

    @property
    def claim(self) -> Ticket | None:
        """The ticket that it is about, where all of it could be read."""
        return _claim(self.event_id, self.user_id, self.ticket, self.applied_at_ms)


@dataclass(frozen=True, slots=True)
class FailedRow:
    """One row of `failed_event`."""

    id: int
    event_id: str | None
    user_id: str | None
    ticket: int | None
    applied_at_ms: int | None
    payload: bytes
    reason: Reason
    detail: str
    status: FailedStatus
    attempts: int  # begun, this one included
    lease: str  # empty where nobody works on it
    source: Source | None
    next_attempt_at_ms: int
    created_at_ms: int
    updated_at_ms: int
    correlation_id: str  # empty where the record did not say it
    payload_bytes: int  # how long it is, where `payload` is the beginning of it

    @property
    def claim(self) -> Ticket | None:
        """The ticket that it is about, where all of it could be read."""
        return _claim(self.event_id, self.user_id, self.ticket, self.applied_at_ms)


def valid(event_id: object, user_id: object, ticket: object, applied_at_ms: object) -> Fields:
    """Return the fields that the ledger can hold. Both servers would cut or convert the others without a word."""
    return (
        _checked(check_event_id, event_id),
        _checked(check_user_id, user_id),
        ticket if type(ticket) is int and abs(ticket) <= TICKET_MAX else None,
        applied_at_ms if type(applied_at_ms) is int and 0 <= applied_at_ms <= TIME_MAX_MS else None,
    )


def all_valid(tickets: Iterable[Ticket]) -> bool:
    """Return whether all of these are such that `valid` would return every field: asked a column at a time."""
    columns = list(zip(*tickets, strict=True))
    if not columns:
        return True
    event_ids, user_ids, numbers, times = columns
    return (
        set(map(type, event_ids + user_ids)) == {str}
        and set(map(type, numbers + times)) == {int}
        and max(numbers) <= TICKET_MAX
        and min(numbers) >= -TICKET_MAX
        and max(times) <= TIME_MAX_MS
        and min(times) >= 0
        and are_ids(set(event_ids), user_ids)
    )


def store_failed(connection: Connection, failures: Sequence[Failure]) -> int:
    """Store the failures that are not there yet, due at once, in the caller's transaction; return how many are new.

    Raises `Unavailable` if they cannot be stored: then nothing may be committed, or something would be lost.
    """
    if not failures:
        return 0
    batch = sorted((_columns(one) for one in failures), key=lambda row: [str(field) for field in row[:3]])
    try:
        return int(statements.insert_failed(connection, batch=json.dumps(batch, ensure_ascii=False)))
    except pymysql.Error as error:
        if is_indefinite(error):
            raise
        raise Unavailable("mysql", f"a failed row cannot be stored: {error}") from error


def outcomes(ledger: Database, records: Sequence[tuple[Ticket | None, tuple[str, int, int, int]]]) -> list[bool]:
    """Return of each record whether the ledger knows what became of it: a row, a refusal, or a failed row.

    A record is its ticket (None: it cannot be decoded), and its topic, partition, offset and timestamp.
    """
    batch = json.dumps([[*(ticket or (None,) * 4)[:3], *place] for ticket, place in records])
    return ledger.read(lambda connection: [bool(known) for (known,) in statements.outcomes(connection, batch=batch)])


def failed_row(ledger: Database, failed_id: int) -> FailedRow | None:
    """Return one row, whatever its status."""
    rows = list_failed(ledger, None, None, 1, after_id=failed_id - 1)
    return rows[0] if rows and rows[0].id == failed_id else None


def list_failed(  # noqa: PLR0917  as the statement has them
    ledger: Database,
    event_id: str | None,
    status: FailedStatus | None,
    limit: int,
    after_id: int = 0,
    cut_at: int = PAYLOAD_MAX_BYTES,
) -> list[FailedRow]:
    """Return up to `limit` rows of the event, or of all, in the status, or in any; the oldest first.

    Those with an id above `after_id`; of each payload, the first `cut_at` bytes.
    """
    what = {"event_id": event_id, "status": status, "after_id": after_id, "cut_at": cut_at, "page": limit}
    return ledger.read(lambda connection: [row_of(row) for row in statements.list_failed(connection, **what)])


def open_failed(ledger: Database, event_id: str) -> list[Ticket]:
    """Return the tickets that the event's waiting and dead rows own."""
    return ledger.read(
        lambda connection: [
            Ticket(event_id, user_id, ticket, applied_at_ms)
            for ticket, user_id, applied_at_ms in statements.open_failed(connection, event_id=event_id)
        ]
    )


def count_failed(ledger: Database, event_id: str | None = None) -> dict[FailedStatus, int]:
    """Return how many rows there are in each status, of one event or of all."""
    found = ledger.read(lambda connection: dict(statements.count_failed(connection, event_id=event_id)))
    return {status: found.get(status, 0) for status in FailedStatus}


def count_open(ledger: Database) -> dict[FailedStatus, int]:
    """Return how many rows of all events are waiting and how many are dead."""
    found = ledger.read(lambda connection: dict(statements.count_open(connection)))
    return {status: found.get(status, 0) for status in (FailedStatus.WAITING, FailedStatus.DEAD)}


def _columns(failure: Failure) -> list[str | int | None]:
    *whose, applied_at_ms = valid(failure.event_id, failure.user_id, failure.ticket, failure.applied_at_ms)
    applied_at = None if applied_at_ms is None else sql_time(applied_at_ms)
    what = [*whose, applied_at, b64encode(failure.payload).decode(), failure.reason, text(failure.detail)]
    source = failure.source
    place = (source.topic, source.partition, source.offset, source.timestamp_ms) if source else (None,) * 4
    return [*what, *place, failure.correlation_id or None]


def text(detail: str) -> str:
    """Return the text as any server takes it: half a surrogate pair, or a NUL, would make the row impossible."""
    return "".join(char if char.isprintable() else "?" for char in detail[:DETAIL_MAX_LENGTH])


def row_of(columns: tuple[Any, ...]) -> FailedRow:
    """Return the row that a statement found; they all name the columns in one order."""
    source = None if columns[11] is None else Source(*columns[11:15])
    fields = (*columns[:11], source, *columns[15:])
    row = FailedRow(*fields)
    lease, correlation_id = row.lease or "", row.correlation_id or ""
    reason, status = Reason(row.reason), FailedStatus(row.status)
    return replace(row, reason=reason, status=status, lease=lease, correlation_id=correlation_id)


def _claim(event_id: str | None, user_id: str | None, ticket: int | None, applied_at_ms: int | None) -> Ticket | None:
    if event_id is None or user_id is None or ticket is None or applied_at_ms is None:
        return None
    return Ticket(event_id, user_id, ticket, applied_at_ms)


def _checked(check: Callable[[object], str], value: object) -> str | None:
    try:
        return check(value)
    except BadInput:
        return None
