"""Step 1: count the rows, and insert one more if there is room.

Right as long as there is one process that serves one request at a time; and a process that dies loses nothing, because
the rows are the count.

Wrong: two processes count the last free place at the same time, and both insert. Whoever asks twice has two coupons.
Every applicant costs the database a count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.strategies.tables import INSERT, TIMEOUT_MS
from firstcome.ledger.connect import mysql_connection

if TYPE_CHECKING:
    from benchmarks.strategies import Apply
    from firstcome.settings import Settings


def start(settings: Settings, capacity: int) -> Apply:
    """Connect, with each statement a transaction of its own; return how to apply."""
    cursor = mysql_connection(settings, TIMEOUT_MS).cursor()

    def apply(event_id: str, user_id: str) -> bool:
        cursor.execute("SELECT COUNT(*) FROM tutorial_coupon WHERE event_id = %s", (event_id,))
        (issued,) = cursor.fetchone()
        if issued >= capacity:
            return False
        cursor.execute(INSERT, (event_id, user_id))
        return True

    return apply
