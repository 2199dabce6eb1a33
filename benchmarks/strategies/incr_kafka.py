"""Step 4: `INCR`, and a winner's record goes to Kafka, from which one consumer inserts at the database's own pace.

Fixes the load: a burst of winners is a burst of records, and the database sees one insert after the other.

Wrong: the send is not awaited, so a process that dies after the `INCR` loses the number, or a record that it has said
yes for. The consumer commits its offsets after the rows: when it dies in between, the same records become rows once
more, above the number of coupons. Whoever asks twice has two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafka import KafkaProducer

from benchmarks.strategies.tables import INSERT, TIMEOUT_MS
from firstcome.gate.connect import redis_client
from firstcome.ledger.connect import mysql_connection

if TYPE_CHECKING:
    from benchmarks.strategies import Apply, Consume
    from firstcome.settings import Settings

TOPIC = "tutorial_incr"


def start(settings: Settings, capacity: int) -> Apply:
    """Connect; return how to apply."""
    redis = redis_client(settings)
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap)

    def apply(event_id: str, user_id: str) -> bool:
        if redis.incr(f"coupon_count:{event_id}") > capacity:
            return False
        producer.send(TOPIC, f"{event_id} {user_id}".encode())
        return True

    return apply


def consume(settings: Settings) -> Consume:
    """Connect; return how to make a row of a record."""
    cursor = mysql_connection(settings, TIMEOUT_MS).cursor()

    def insert(event_id: str, user_id: str) -> None:
        cursor.execute(INSERT, (event_id, user_id))

    return insert
