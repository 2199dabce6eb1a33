"""What the ledger says of one event, page by page: for an audit, which reads all of it while people go on."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from firstcome.ledger.database import Database
from firstcome.ledger.statements import statements
from firstcome.rules import Ticket

# People per statement: larger ones gain nothing, and with the longest ids it stays below the smallest packet.
ASKED = 1_000


class Said(NamedTuple):
    """What the ledger says of one person at one moment."""

    row: Ticket | None
    refused: bool
    failed: bool  # an open failed row has a ticket for them
    holder: str | None  # who has the row of the ticket that was asked about


def coupons_below(ledger: Database, event_id: str, below: int, page: int) -> list[Ticket]:
    """Return up to `page` rows with a lower ticket, from the highest of them down."""
    where = {"event_id": event_id, "below": below, "page": page}
    rows = ledger.read(lambda connection: statements.coupons_below(connection, **where))
    return [Ticket(event_id, user_id, ticket, applied_at_ms) for ticket, user_id, applied_at_ms in rows]


def people(ledger: Database, event_id: str, asked: Sequence[tuple[str, int | None]]) -> list[Said]:
    """Return what the ledger says of these people, in their order; beside each, a ticket whose owner is asked about."""
    found: list[Said] = []
    for start in range(0, len(asked), ASKED):
        some = asked[start : start + ASKED]
        batch = json.dumps(some)
        rows = ledger.read(lambda one, batch=batch: statements.people(one, event_id=event_id, batch=batch))  # type: ignore[misc]
        for (user_id, _), (number, applied_at_ms, refused, failed, holder) in zip(some, rows, strict=True):
            row = None if number is None else Ticket(event_id, user_id, number, applied_at_ms)
            found.append(Said(row, bool(refused), bool(failed), holder))
    return found


def refusals_after(ledger: Database, event_id: str, after: str, page: int) -> list[str]:
    """Return up to `page` refused people, in the order of their ids, from behind `after` on."""
    where = {"event_id": event_id, "after": after, "page": page}
    return ledger.read(lambda connection: [one for (one,) in statements.refusals_after(connection, **where)])


def failed_between(ledger: Database, event_id: str, low: int, high: int) -> list[tuple[int, str]]:
    """Return ticket and person of the open failed rows that have one of these numbers, both ends included."""
    where = {"event_id": event_id, "low": low, "high": high}
    return ledger.read(lambda connection: list(statements.failed_between(connection, **where)))
