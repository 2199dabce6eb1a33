"""Erasure: people's ids leave the ledger; their coupons stay, and stay counted.

An id that is erased becomes a random one with a character that no id may have: it is never anybody's, nobody can apply
or ask under it, and nothing leads back from it. Each event is one decision of the ledger, which may be repeated.
"""

import secrets

from firstcome.ledger.database import Connection, Database
from firstcome.ledger.statements import statements
from firstcome.rules import BadInput

ERASED = "erased#"  # the statements say it, too
PAGE = 10_000  # rows in one transaction: at most a second, and an undo log that stays small


def erase_person(ledger: Database, event_id: str, user_id: str) -> int:
    """Put a random id in the place of one person in an event that is over; return how many rows named them.

    Raises `BadInput` where the event is not over, or a failed row of theirs is open.
    """

    def work(connection: Connection) -> int:
        _check(connection, ledger, event_id, user_id)
        row = {"event_id": event_id, "user_id": user_id, "erased_id": ERASED + secrets.token_hex(16)}
        coupons = statements.erase_coupon(connection, **row)
        refusals = statements.erase_refusal(connection, **row)
        statements.erase_long_operations(connection, event_id=event_id)
        statements.erase_operations(connection, **row)  # an operator's request: not counted as a row of theirs
        return int(coupons + refusals + statements.erase_failed(connection, **row))

    return ledger.transact(work)


def erase_everybody(ledger: Database, event_id: str, capacity: int) -> int:
    """Put random ids in the place of all people of an event that is over; return how many rows were changed.

    Page by page: one that is cut off has erased some, and the next one goes on. Raises `BadInput` where the event is
    not over, or a failed row is open.
    """

    def page(low: int) -> int:
        def work(connection: Connection) -> int:
            _check(connection, ledger, event_id, None)
            return int(statements.erase_coupons(connection, event_id=event_id, low=low, high=low + PAGE - 1))

        return ledger.transact(work)

    def rest(connection: Connection) -> int:
        _check(connection, ledger, event_id, None)
        refusals = statements.erase_refusals(connection, event_id=event_id)
        statements.erase_long_operations(connection, event_id=event_id)
        statements.erase_operations(connection, event_id=event_id, user_id=None, erased_id=ERASED)
        return int(refusals + statements.erase_all_failed(connection, event_id=event_id))

    return sum(page(low) for low in range(1, capacity + 1, PAGE)) + ledger.transact(rest)


def erase_strays(ledger: Database, user_id: str | None, days: int) -> int:
    """Erase one person, or all, from operators' requests and older failed rows of no known event.

    Return how many failed rows it were.
    """

    def work(connection: Connection) -> int:
        statements.erase_stray_operations(connection, user_id=user_id, erased_id=ERASED)
        return int(statements.erase_strays(connection, user_id=user_id, erased_id=ERASED, days=days))

    # It looks at every failed row: without READ COMMITTED it would lock all of them, and keep consume from adding any.
    return ledger.transact(work, read_committed=True)


def strays(ledger: Database, user_id: str) -> int:
    """Return how many failed rows of no known event name the person."""
    return ledger.read(lambda connection: int(statements.strays(connection, user_id=user_id)))


def events_naming(ledger: Database, user_id: str) -> list[str]:
    """Return the events in whose rows the person is named."""
    return ledger.read(lambda connection: [row[0] for row in statements.events_naming(connection, user_id=user_id)])


def events_kept_too_long(ledger: Database, days: int) -> list[str]:
    """Return the events that ended longer ago than `days`, and still name people."""
    return ledger.read(lambda connection: [row[0] for row in statements.events_kept_too_long(connection, days=days)])


def not_over(event_id: str, days: int) -> BadInput:
    """Return the error that turns an event down which may still need to know its people."""
    return BadInput("not_over", f"event {event_id} must have ended {days} days ago: until then its gate may be rebuilt")


def _check(connection: Connection, ledger: Database, event_id: str, user_id: str | None) -> None:
    """Raise `BadInput` unless the event is over and owes nothing, to the person or to anybody."""
    days = ledger.settings.retention_days
    if statements.over(connection, event_id=event_id, retention_days=days) is None:
        raise not_over(event_id, days)
    if owed := statements.owed(connection, event_id=event_id, user_id=user_id):
        raise BadInput("owed", f"{owed} failed rows of {event_id} are open: redrive or refuse them first")
