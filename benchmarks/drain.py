"""A backlog of 50,000 records through the local cloud, from the poller's start to settled; beside it, a commit a row.

The tickets are the gate's, and the records stand in the stream before the poller starts.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from kafka import KafkaProducer

from benchmarks.bench import wrong_rows
from benchmarks.clouds import DRAINED_S, cloud
from benchmarks.consume import INSERT
from benchmarks.function import HEADERS, apply_all, person
from benchmarks.measure import Bar, Row, interleave
from dev.process import wait_until
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.statements import sql_time
from firstcome.stream.connect import kafka_config
from firstcome.stream.record import encode

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from dev.cloud import Cloud
    from firstcome.stores import Stores

PEERS = (
    "public projects of this kind, on such a machine: 930, 1,975 and 2,370 rows/s, where a commit for each row makes "
    "5,200 to 6,000; 0.42 times at best (First-come-first-served-event-system d6d5343)"
)


def run(bench: Bench) -> list[Row]:
    """Drain a backlog and write such rows one by one, in turn; each into an event of its own."""
    size = bench.pick(50_000, 5_000)
    few = bench.pick(20_000, 1_000)  # a commit for each takes the same time, however many follow
    expected: dict[str, int] = {}
    wrong: list[str] = []
    with closing(bench.stores()) as stores, cloud(bench, "drain", poller=False) as ours:

        def drain() -> float:
            event_id = bench.open_event(stores, size, "drain")
            expected[event_id] = size
            _wait(bench, stores, event_id, size)
            seconds = _drain(stores, ours, event_id)
            wrong.extend([] if stores.reader.caught_up() else [f"{event_id}: the offsets are behind the rows"])
            ours.poller.stop()
            return size / seconds

        def one_by_one() -> float:
            event_id = bench.open_event(stores, few, "row-by-row")
            expected[event_id] = few
            return few / _one_by_one(bench, event_id, few)

        values = interleave({"drain": drain, "row by row": one_by_one}, bench.pick(3, 1), bench.say)
    wrong += [found for event_id, count in expected.items() for found in wrong_rows(bench, event_id, count)]
    what = f"drain of {size:,} waiting records through the local cloud"
    bars = [Bar("drain", "row by row", 3)]
    return [Row("drain", what, "rows/s", values, bars, wrong, [PEERS])]


def _wait(bench: Bench, stores: Stores, event_id: str, size: int) -> None:
    """Let people take all tickets, and have a record of each in the stream."""
    producer = KafkaProducer(**kafka_config(bench.settings), acks="all", linger_ms=5, metrics_enabled=False)
    topic = bench.settings.kafka_topic
    sent = [
        producer.send(topic, key=ticket.user_id.encode(), value=encode(ticket, 1), headers=HEADERS)
        for ticket in apply_all(stores, event_id, size)
    ]
    for future in sent:
        future.get(DRAINED_S)
    producer.close()


def _drain(stores: Stores, cloud: Cloud, event_id: str) -> float:
    """Start the poller; return how long it takes until every row is committed and the gate knows of each."""
    pending = stores.gate.keys(event_id)[2]
    began = time.perf_counter()
    cloud.poller.start()
    wait_until(lambda: not stores.gate.redis.zcard(pending), "everything is settled", timeout_s=DRAINED_S)
    return time.perf_counter() - began


def _one_by_one(bench: Bench, event_id: str, count: int) -> float:
    at = sql_time(int(time.time() * 1000))
    with mysql_connection(bench.settings, 60_000) as connection, connection.cursor() as cursor:
        began = time.perf_counter()
        for number in range(1, count + 1):  # the session commits each statement by itself
            cursor.execute(INSERT, (event_id, number, person(number), at, at))
        return time.perf_counter() - began
