"""Step 3: Redis counts, in one command that nobody can race: `INCR`, and insert if the number is a coupon's.

Fixes the race without a lock, and keeps the losers away from the database.

Wrong: a process that dies between the two steps takes the number with it, and that coupon is nobody's. Whoever asks
twice has two. In the seconds that matter, every winner still waits for an insert of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.strategies.tables import INSERT, TIMEOUT_MS
from firstcome.gate.connect import redis_client
from firstcome.ledger.connect import mysql_connection

if TYPE_CHECKING:
    from benchmarks.strategies import Apply
    from firstcome.settings import Settings


def start(settings: Settings, capacity: int) -> Apply:
    """Connect; return how to apply."""
    redis = redis_client(settings)
    cursor = mysql_connection(settings, TIMEOUT_MS).cursor()

    def apply(event_id: str, user_id: str) -> bool:
        if redis.incr(f"coupon_count:{event_id}") > capacity:
            return False
        cursor.execute(INSERT, (event_id, user_id))
        return True

    return apply
