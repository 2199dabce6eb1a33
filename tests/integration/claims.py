"""Claims on an event of three coupons, and what has become of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstcome.ledger.coupons import Claim
from firstcome.rules import Reason, Ticket

if TYPE_CHECKING:
    from firstcome.ledger.failed_events import Source
    from firstcome.ledger.ledger import Ledger

AT_MS = 1_700_000_000_123
CAPACITY = 3


def claim(user_id: str, ticket: int, event_id: str = "E", source: Source | None = None) -> Claim:
    """Return the claim of a record."""
    return Claim(Ticket(event_id, user_id, ticket, AT_MS), b"the record", source)


def reasons(ledger: Ledger) -> list[tuple[Reason, str | None]]:
    """Return why each failed row was stored, and whose it is."""
    return [(row.reason, row.user_id) for row in ledger.list_failed(None, None, 100)]
