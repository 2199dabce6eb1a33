"""Refusals: who gets no coupon of an event, for good. A decision of the ledger first, and of the gate afterwards.

A revocation is a refusal of somebody who has a coupon row: the one thing that deletes such a row.
"""

from dataclasses import dataclass

from firstcome.ledger.codes import quoting_nothing
from firstcome.ledger.database import Connection, Database
from firstcome.ledger.statements import statements
from firstcome.rules import BadInput, Ticket


@dataclass(frozen=True, slots=True)
class Refused:
    """What became of a refusal."""

    done: bool  # the refusal stands
    row: Ticket | None = None  # not done: the person has this coupon row (None: the failed row is not ours any more)
    freed: tuple[tuple[int, bool], ...] = ()  # tickets their failed rows had, and whether a row of somebody has each


def refuse(
    ledger: Database,
    event_id: str,
    user_id: str,
    reason: str,
    *,
    failed_id: int | None = None,
    lease: str | None = None,
) -> Refused:
    """Refuse a person for good, and close their open failed rows, unless they have a coupon row.

    With `failed_id`, only if that row is still open, and with `lease` as well, still leased by us. Repeated, it
    answers the same, without the tickets. Raises `BadInput` where there is no such event.
    """

    def work(connection: Connection) -> Refused:
        if statements.lock_event(connection, event_id=event_id) is None:
            raise BadInput("unknown_event", f"there is no event {event_id}")
        if failed_id is not None and statements.lock_failed(connection, failed_id=failed_id, lease=lease) is None:
            return Refused(done=False)
        row = statements.coupon_of_locked(connection, event_id=event_id, user_id=user_id)
        if row is not None:
            return Refused(done=False, row=Ticket(event_id, user_id, row[0], row[1]))
        return Refused(done=True, freed=_refuse(connection, event_id, user_id, reason))

    return ledger.transact(work)


@dataclass(frozen=True, slots=True)
class Revoked:
    """What became of a revocation."""

    done: bool  # the person is refused, and has no coupon row
    ticket: int | None = None  # of the row that is gone now, or, not done, of the one that is redeemed
    code_spent: bool = False


def revoke(ledger: Database, event_id: str, user_id: str, reason: str) -> Revoked:
    """Take a coupon back for good: its row goes, its owner is refused, and its code is nobody's any more.

    Not done where the coupon is redeemed (`ticket`), or where there is none and no refusal either. Repeated, it answers
    the same, without the ticket. Raises `BadInput` where there is no such event.
    """

    def work(connection: Connection) -> Revoked:
        if statements.lock_event(connection, event_id=event_id) is None:
            raise BadInput("unknown_event", f"there is no event {event_id}")
        ticket = statements.coupon_of_exclusive(connection, event_id=event_id, user_id=user_id)
        if ticket is None:
            refused = statements.is_refused(connection, event_id=event_id, user_id=user_id)
            return Revoked(done=refused is not None)
        if statements.is_redeemed(connection, event_id=event_id, ticket=ticket) is not None:
            return Revoked(done=False, ticket=ticket)
        statements.delete_coupon(connection, event_id=event_id, ticket=ticket)
        _refuse(connection, event_id, user_id, reason)
        spent = statements.spend_code(connection, event_id=event_id, ticket=ticket)
        return Revoked(done=True, ticket=ticket, code_spent=bool(spent))

    return ledger.transact(quoting_nothing(work))


def _refuse(connection: Connection, event_id: str, user_id: str, reason: str) -> tuple[tuple[int, bool], ...]:
    """Write the refusal, and close the person's open failed rows; return their tickets, as `Refused.freed`."""
    statements.insert_refusal(connection, event_id=event_id, user_id=user_id, reason=reason)
    waiting = list(statements.lock_failed_of(connection, event_id=event_id, user_id=user_id))
    if waiting:
        statements.refuse_failed(connection, ids=[row[0] for row in waiting])
    return tuple((row[1], bool(row[2])) for row in waiting if row[1] is not None)


def refusals(ledger: Database, event_id: str) -> list[str]:
    """Return the event's refused people."""
    return ledger.read(lambda connection: [row[0] for row in statements.refusals(connection, event_id=event_id)])
