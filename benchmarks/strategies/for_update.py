"""Step 2a: the same, one after the other: whoever counts and inserts holds the lock of the event's row.

Fixes the race: never more rows than coupons, and a process that dies lets go of its lock and loses nothing.

Wrong: all applicants of an event, the losers too, stand in one queue before one row of the database. Whoever asks twice
has two coupons still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.strategies.tables import INSERT, TIMEOUT_MS
from firstcome.ledger.connect import mysql_connection

if TYPE_CHECKING:
    from benchmarks.strategies import Apply
    from firstcome.settings import Settings

LOCK = "SELECT capacity FROM tutorial_event WHERE event_id = %s FOR UPDATE"


def start(settings: Settings, capacity: int) -> Apply:  # noqa: ARG001  it is in the event's row
    """Connect; return how to apply, each time in one transaction."""
    connection = mysql_connection(settings, TIMEOUT_MS)
    cursor = connection.cursor()

    def apply(event_id: str, user_id: str) -> bool:
        connection.begin()
        try:
            cursor.execute(LOCK, (event_id,))
            (capacity,) = cursor.fetchone()
            cursor.execute("SELECT COUNT(*) FROM tutorial_coupon WHERE event_id = %s", (event_id,))
            (issued,) = cursor.fetchone()
            if issued >= capacity:
                return False
            cursor.execute(INSERT, (event_id, user_id))
            return True
        finally:
            connection.commit()

    return apply
