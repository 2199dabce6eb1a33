"""Leases: each open failed row is worked on by one retry at a time, for a limited time.

A row carries the token of the retry that claimed it. Each change compares the token, so that one that comes too late
changes nothing.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import pymysql

from firstcome.ledger.database import Connection, Database
from firstcome.ledger.errors import code_of
from firstcome.ledger.failed_events import FailedRow, row_of, text
from firstcome.ledger.statements import sql_time, statements
from firstcome.rules import FailedStatus, Reason, Ticket

DUPLICATE_KEY = 1062


@dataclass(frozen=True, slots=True)
class Claimed:
    """The rows that are ours for the time of the lease, and how many had used up their attempts."""

    rows: list[FailedRow]
    buried: int


class PutOff(NamedTuple):
    """What becomes of a row whose attempt failed."""

    row: FailedRow
    status: FailedStatus  # WAITING: due again in `wait_ms`; DEAD: left to an operator
    wait_ms: int
    reason: Reason
    detail: str
    counted: bool = True  # False: the attempt is given back


def claim_failed(ledger: Database, limit: int, lease_ms: int) -> Claimed:
    """Take up to `limit` rows that are due, for `lease_ms`; those whose attempts are used up become dead instead.

    Two retries claim different rows, and neither waits for the other. A lease that has run out makes the row due.
    """
    lease = secrets.token_hex(16)

    def work(connection: Connection) -> Claimed:
        due = [row_of(row) for row in statements.due_failed(connection, page=limit)]
        tired = [row.id for row in due if row.attempts >= ledger.settings.failed_attempts]
        rows = [row for row in due if row.attempts < ledger.settings.failed_attempts]
        if tired:
            statements.bury_exhausted(connection, ids=tired)
        if rows:
            statements.lease_failed(connection, ids=[row.id for row in rows], lease=lease, lease_ms=lease_ms)
        return Claimed([replace(row, attempts=row.attempts + 1, lease=lease) for row in rows], buried=len(tired))

    return ledger.transact(work, read_committed=True)


def resolve_failed(ledger: Database, row: FailedRow, status: FailedStatus) -> bool:
    """Close the row as `resolved` or `refused`; False, and nothing changed, where the lease is lost."""
    return ledger.transact(lambda connection: _close(connection, row, status))


def move_failed(ledger: Database, row: FailedRow, ticket: Ticket) -> bool:
    """Let the row own another ticket; False where it is not ours to work on any more.

    Where another open row owns that ticket of that person already, this one is closed as resolved.
    """
    event_id, user_id, number, at_ms = ticket
    new = {"event_id": event_id, "user_id": user_id, "ticket": number, "applied_at": sql_time(at_ms)}

    def work(connection: Connection) -> bool:
        try:
            return bool(statements.move_failed(connection, failed_id=row.id, lease=row.lease, **new))
        except pymysql.Error as error:
            if code_of(error) != DUPLICATE_KEY:
                raise
            _close(connection, row, FailedStatus.RESOLVED)
            return False

    return ledger.transact(work)


def put_off(ledger: Database, rows: Sequence[PutOff]) -> int:
    """Postpone or bury the rows of one lease in one statement; return how many were still ours."""
    if not rows:
        return 0
    # In the order of their ids, so that two retries lock in one order.
    rows = sorted(rows, key=lambda one: one.row.id)
    batch = [[one.row.id, one.status, one.wait_ms, one.reason, text(one.detail), int(not one.counted)] for one in rows]
    lease = rows[0].row.lease
    return ledger.transact(
        lambda connection: int(statements.put_off_failed(connection, batch=json.dumps(batch), lease=lease))
    )


def redrive(ledger: Database, failed_id: int | None, event_id: str | None, up_to_id: int | None = None) -> int:
    """Make open rows due now, with all their attempts: one, or an event's, or all, up to an id; return how many.

    A retry that works on one of them loses its lease.
    """
    which = {"failed_id": failed_id, "event_id": event_id, "up_to_id": up_to_id}

    def work(connection: Connection) -> int:
        found = statements.lock_open(connection, **which)
        statements.redrive(connection, **which)
        return int(found)

    return ledger.transact(work)


def _close(connection: Connection, row: FailedRow, status: FailedStatus) -> bool:
    return bool(statements.close_failed(connection, failed_id=row.id, lease=row.lease, status=status))
