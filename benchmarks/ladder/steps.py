"""The ladder that tutorials climb, step by step, each as they write it, and what stands at its top.

Each step is a function that connects once and returns `apply(event_id, user_id)`, which says whether the person was
told yes. Where `apply` only writes into a topic, another function returns what becomes of one record. A tutorial has
one event and no column for it; here many rounds share the tables.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pymysql
from kafka import KafkaProducer

from benchmarks.harness.functions import apply_event
from firstcome.gate.connect import redis_client
from firstcome.ledger.connect import mysql_connection
from firstcome.settings import Settings

Apply = Callable[[str, str], bool]
Consume = Callable[[str, str], object]

TIMEOUT_MS = 20_000  # as the functions that write the ledger have it
SADD_INCR_TOPIC = "tutorial_sadd_incr"
ID = "VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL"
ROW = f"id BIGINT AUTO_INCREMENT PRIMARY KEY, event_id {ID}, user_id {ID}"
# The tables of the tutorials: a coupon has a number of its own and names a person.
TABLES = {
    "tutorial_event": f"event_id {ID} PRIMARY KEY, capacity INT NOT NULL",
    "tutorial_coupon": f"{ROW}, KEY (event_id)",
    "tutorial_coupon_of_person": f"{ROW}, UNIQUE KEY (event_id, user_id)",
    "tutorial_failed_event": ROW,
}
COUNT = "SELECT COUNT(*) FROM {} WHERE event_id = %s"
INSERT = "INSERT INTO {} (event_id, user_id) VALUES (%s, %s)"
LOCK = "SELECT capacity FROM tutorial_event WHERE event_id = %s FOR UPDATE"

logger = logging.getLogger(__name__)


def make_tables(settings: Settings) -> None:
    """Make the tables anew."""
    with mysql_connection(settings, TIMEOUT_MS) as connection, connection.cursor() as cursor:
        for table, columns in TABLES.items():
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
            cursor.execute(f"CREATE TABLE {table} ({columns}) ENGINE = InnoDB")


def count_rows(settings: Settings, capacity: int) -> Apply:
    """Step 1: count the rows, and insert one more if there is room; each statement a transaction of its own.

    A process that dies loses nothing, because the rows are the count. Wrong: two processes count the last free place at
    the same time, and both insert. Whoever asks twice has two coupons. Every applicant costs the database a count.
    """
    cursor = _mysql(settings)

    def apply(event_id: str, user_id: str) -> bool:
        if _one(cursor, COUNT.format("tutorial_coupon"), event_id) >= capacity:
            return False
        cursor.execute(INSERT.format("tutorial_coupon"), (event_id, user_id))
        return True

    return apply


def for_update(settings: Settings, _capacity: int) -> Apply:
    """Step 2a: the same, one after the other: whoever counts and inserts holds the lock of the event's row.

    Fixes the race. Wrong: all applicants of an event, the losers too, stand in one queue before one row. Whoever asks
    twice has two coupons still.
    """
    cursor = _mysql(settings)

    def apply(event_id: str, user_id: str) -> bool:
        cursor.connection.begin()
        try:
            capacity = _one(cursor, LOCK, event_id)
            if _one(cursor, COUNT.format("tutorial_coupon"), event_id) >= capacity:
                return False
            cursor.execute(INSERT.format("tutorial_coupon"), (event_id, user_id))
            return True
        finally:
            cursor.connection.commit()

    return apply


def unique_key(settings: Settings, capacity: int) -> Apply:
    """Step 2b: count and insert without a lock, into a table with a unique key of event and person.

    Fixes the second coupon of one person. Wrong: the race of step 1 gives away too many, to different people.
    """
    cursor = _mysql(settings)

    def apply(event_id: str, user_id: str) -> bool:
        if _one(cursor, COUNT.format("tutorial_coupon_of_person"), event_id) >= capacity:
            return False
        try:
            cursor.execute(INSERT.format("tutorial_coupon_of_person"), (event_id, user_id))
        except pymysql.IntegrityError:  # they have one
            return False
        return True

    return apply


def incr(settings: Settings, capacity: int) -> Apply:
    """Step 3: Redis counts, in one command that nobody can race: `INCR`, and insert if the number is a coupon's.

    Fixes the race without a lock, and keeps the losers away from the database. Wrong: a process that dies between the
    two steps takes the number with it, and that coupon is nobody's. Whoever asks twice has two. In the seconds that
    matter, every winner still waits for an insert of their own.
    """
    redis, cursor = redis_client(settings), _mysql(settings)

    def apply(event_id: str, user_id: str) -> bool:
        if redis.incr(f"coupon_count:{event_id}") > capacity:
            return False
        cursor.execute(INSERT.format("tutorial_coupon"), (event_id, user_id))
        return True

    return apply


def incr_kafka(settings: Settings, capacity: int) -> Apply:
    """Step 4: `INCR`, and a winner's record goes to Kafka, from which one consumer inserts at the database's own pace.

    Fixes the load. Wrong: the send is not awaited, so a process that dies after the `INCR` loses the number, or a
    record that it has said yes for. The consumer commits its offsets after the rows: when it dies in between, the same
    records become rows once more, above the number of coupons. Whoever asks twice has two.
    """
    redis = redis_client(settings)
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap)

    def apply(event_id: str, user_id: str) -> bool:
        if redis.incr(f"coupon_count:{event_id}") > capacity:
            return False
        producer.send("tutorial_incr", f"{event_id} {user_id}".encode())
        return True

    return apply


def insert(settings: Settings) -> Consume:
    """Consume for step 4: every record is a row."""
    cursor = _mysql(settings)
    return lambda event_id, user_id: cursor.execute(INSERT.format("tutorial_coupon"), (event_id, user_id))


def sadd_incr_kafka(settings: Settings, capacity: int) -> Apply:
    """Step 5, where tutorials end: `SADD` lets everybody in once, then `INCR` and Kafka as before.

    Fixes the second coupon of somebody who asks twice. Wrong: a process may die after each of three steps. After
    `SADD`, the person is locked out for good; after `INCR`, the number is nobody's too; after the send, which is not
    awaited, it was yes and the record may be gone. The consumer still makes rows twice when it dies, and what the
    database refuses is a row of `failed_event` that nothing ever reads. Everybody who ever asked stays in Redis.
    """
    redis = redis_client(settings)
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap)

    def apply(event_id: str, user_id: str) -> bool:
        if not redis.sadd(f"applied_user:{event_id}", user_id):
            return False
        if redis.incr(f"coupon_count:{event_id}") > capacity:
            return False
        producer.send(SADD_INCR_TOPIC, f"{event_id} {user_id}".encode())
        return True

    return apply


def insert_or_note(settings: Settings) -> Consume:
    """Consume for step 5: every record is a row, of one kind or the other."""
    cursor = _mysql(settings)

    def consume(event_id: str, user_id: str) -> None:
        try:
            cursor.execute(INSERT.format("tutorial_coupon"), (event_id, user_id))
        except pymysql.Error:
            logger.exception("no coupon for %s", user_id)
            cursor.execute(INSERT.format("tutorial_failed_event"), (event_id, user_id))

    return consume


def firstcome(_settings: Settings, _capacity: int) -> Apply:
    """Step 6: functions/apply as it is, called with the event that API Gateway would make.

    Fixes what is left: one atomic script decides and marks, the send is awaited, rows are keyed by person and ticket,
    and what died halfway is found by its mark and finished. The price: a winner waits for the broker, and each request
    goes through the checks, logs and metrics of a function that somebody operates.
    """
    from functions.apply.handler import handler  # noqa: PLC0415  it reads the settings, which a worker has

    def apply(event_id: str, user_id: str) -> bool:
        answer = handler(apply_event(event_id, user_id), None)
        assert answer["statusCode"] in (200, 202, 409), json.dumps(answer)  # no server is away here
        return bool(answer["statusCode"] != 409)

    return apply


@dataclass(frozen=True, slots=True)
class Step:
    """One step: how it applies and consumes, the table in which its coupons are, and its topic."""

    name: str  # number and title
    start: Callable[[Settings, int], Apply]
    consume: Callable[[Settings], Consume] | None = None
    topic: str = ""
    table: str = "tutorial_coupon"


STEPS = (
    Step("1 count rows, insert", count_rows),
    Step("2a the same, FOR UPDATE", for_update),
    Step("2b the same, unique key", unique_key, table="tutorial_coupon_of_person"),
    Step("3 INCR, insert", incr),
    Step("4 INCR, Kafka", incr_kafka, insert, "tutorial_incr"),
    Step("5 SADD, INCR, Kafka", sadd_incr_kafka, insert_or_note, SADD_INCR_TOPIC),
    Step("6 firstcome", firstcome, topic="coupon_create", table="coupon"),
)
OURS = STEPS[-1]


def _mysql(settings: Settings) -> Any:
    return mysql_connection(settings, TIMEOUT_MS).cursor()


def _one(cursor: Any, sql: str, event_id: str) -> int:
    cursor.execute(sql, (event_id,))
    [(found,)] = cursor.fetchall()
    return int(found)
