"""Step 5, where tutorials end: `SADD` lets everybody in once, then `INCR` and Kafka as before; failures become rows.

Fixes the second coupon of somebody who asks twice.

Wrong: three steps, and a process may die after each. After `SADD`, the person is locked out for good; after `INCR`, the
number is nobody's too; after the send, which is not awaited, it was yes and the record may be gone. The consumer still
makes rows twice when it dies, and what the database refuses is a row of `failed_event` that nothing ever reads.
Everybody who ever asked stays in Redis.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pymysql
from kafka import KafkaProducer

from benchmarks.strategies.tables import INSERT, TIMEOUT_MS
from firstcome.gate.connect import redis_client
from firstcome.ledger.connect import mysql_connection

if TYPE_CHECKING:
    from benchmarks.strategies import Apply, Consume
    from firstcome.settings import Settings

TOPIC = "tutorial_sadd_incr"
INSERT_FAILED = "INSERT INTO tutorial_failed_event (event_id, user_id) VALUES (%s, %s)"

logger = logging.getLogger(__name__)


def start(settings: Settings, capacity: int) -> Apply:
    """Connect; return how to apply."""
    redis = redis_client(settings)
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap)

    def apply(event_id: str, user_id: str) -> bool:
        if not redis.sadd(f"applied_user:{event_id}", user_id):
            return False
        if redis.incr(f"coupon_count:{event_id}") > capacity:
            return False
        producer.send(TOPIC, f"{event_id} {user_id}".encode())
        return True

    return apply


def consume(settings: Settings) -> Consume:
    """Connect; return how to make a row of a record, of one kind or the other."""
    cursor = mysql_connection(settings, TIMEOUT_MS).cursor()

    def insert(event_id: str, user_id: str) -> None:
        try:
            cursor.execute(INSERT, (event_id, user_id))
        except pymysql.Error:
            logger.exception("no coupon for %s", user_id)
            cursor.execute(INSERT_FAILED, (event_id, user_id))

    return insert
