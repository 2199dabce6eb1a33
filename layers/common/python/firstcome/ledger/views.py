"""What an operator looks at: events, winners, one person; each a page of bounded size, by a cursor."""

from typing import Any, NamedTuple

from firstcome.ledger.database import Database
from firstcome.ledger.events import Event, event_of
from firstcome.ledger.failed_events import FailedRow, row_of
from firstcome.ledger.statements import sql_time, statements
from firstcome.rules import EventState


class Listed(NamedTuple):
    """One event of a list."""

    event: Event
    highest_ticket: int  # of the coupon rows; 0: there is none
    waiting: int  # failed rows
    dead: int


class Winner(NamedTuple):
    """One coupon row."""

    ticket: int
    user_id: str
    applied_at_ms: int
    issued_at_ms: int
    code: str | None = None  # of its ticket
    redeemed_at_ms: int | None = None
    redeemed_by: str | None = None  # the back end


class Refusal(NamedTuple):
    """Why somebody is refused for good, and since when."""

    reason: str
    refused_at_ms: int


def list_events(ledger: Database, after: str, state: EventState | None, limit: int) -> list[Listed]:
    """Return up to `limit` events by id, beginning after one; those in the state, or in any."""
    rows = ledger.read(lambda connection: statements.events_after(connection, after=after, state=state, page=limit))
    return [Listed(event_of(row[:-3]), row[-3] or 0, *row[-2:]) for row in rows]


def winners(ledger: Database, event_id: str, after: int, limit: int) -> list[Winner]:
    """Return up to `limit` coupon rows by ticket, beginning after one."""
    rows = ledger.read(
        lambda connection: statements.winners_after(connection, event_id=event_id, after=after, page=limit)
    )
    return [_winner(row) for row in rows]


def issued_per_second(ledger: Database, event_id: str, after_ms: int, limit: int) -> list[tuple[int, int]]:
    """Return up to `limit` seconds (ms) in which coupons were issued, from `after_ms` on, and how many in each."""
    rows = ledger.read(
        lambda connection: statements.issued_per_second(
            connection, event_id=event_id, after=sql_time(after_ms), page=limit
        )
    )
    return [(second * 1000, count) for second, count in rows]


def winner(ledger: Database, event_id: str, user_id: str) -> Winner | None:
    """Return the person's coupon row; None where there is none."""
    row = ledger.read(lambda connection: statements.winner(connection, event_id=event_id, user_id=user_id))
    return None if row is None else _winner(row)


def _winner(columns: tuple[Any, ...]) -> Winner:
    ticket, user_id, applied_at_ms, issued_at_ms, code, redeemed_at_ms, redeemed_by = columns
    text = None if code is None else code.decode("ascii")
    return Winner(ticket, user_id, applied_at_ms, issued_at_ms, text, redeemed_at_ms, redeemed_by)


def refusal(ledger: Database, event_id: str, user_id: str) -> Refusal | None:
    """Return why the person is refused; None where they are not."""
    row = ledger.read(lambda connection: statements.refusal(connection, event_id=event_id, user_id=user_id))
    return None if row is None else Refusal(*row)


def failed_of(ledger: Database, event_id: str, user_id: str, limit: int, cut_at: int) -> list[FailedRow]:
    """Return up to `limit` failed rows of the person, the newest first; of each payload the first `cut_at` bytes."""
    what = {"event_id": event_id, "user_id": user_id, "cut_at": cut_at, "page": limit}
    return ledger.read(lambda connection: [row_of(row) for row in statements.failed_of(connection, **what)])
