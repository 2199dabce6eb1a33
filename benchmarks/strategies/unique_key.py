"""Step 2b: count and insert without a lock, into a table with a unique key of event and person.

Fixes the second coupon of one person, whatever happens to the processes.

Wrong: it says nothing about how many there are. The race of step 1 gives away too many, to different people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pymysql

from benchmarks.strategies.tables import TIMEOUT_MS
from firstcome.ledger.connect import mysql_connection

if TYPE_CHECKING:
    from benchmarks.strategies import Apply
    from firstcome.settings import Settings

COUNT = "SELECT COUNT(*) FROM tutorial_coupon_of_person WHERE event_id = %s"
INSERT = "INSERT INTO tutorial_coupon_of_person (event_id, user_id) VALUES (%s, %s)"


def start(settings: Settings, capacity: int) -> Apply:
    """Connect, with each statement a transaction of its own; return how to apply."""
    cursor = mysql_connection(settings, TIMEOUT_MS).cursor()

    def apply(event_id: str, user_id: str) -> bool:
        cursor.execute(COUNT, (event_id,))
        (issued,) = cursor.fetchone()
        if issued >= capacity:
            return False
        try:
            cursor.execute(INSERT, (event_id, user_id))
        except pymysql.IntegrityError:  # they have one
            return False
        return True

    return apply
