"""A backlog of 50,000 records through the local cloud, from the poller's start to its last committed offset.

Beside it, in turn, the same records on a topic of their own, through the same poller and front, into a function that
only inserts them: both sides read Kafka, pass the front and share the cores with the servers alike. And a commit a row.
The tickets are the gate's, and the records stand in the stream before the poller starts.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from statistics import median
from typing import NamedTuple

from kafka import KafkaProducer

from benchmarks.bars.consume import rows_of
from benchmarks.harness.bench import BARE, DRAINED_S, Bench, apply_all, view
from benchmarks.harness.cpu import all_spent_s
from benchmarks.harness.functions import HEADERS
from benchmarks.harness.rows import INSERT, Bar, Row, interleave, rate
from dev.cloud import Cloud
from dev.process import wait_until
from firstcome.ledger.connect import mysql_connection
from firstcome.settings import Settings
from firstcome.stores import Stores
from firstcome.stream.connect import kafka_config
from firstcome.stream.record import encode
from firstcome.stream.topic import ensure_topic

FLOOR = BARE.with_name("drain.yaml")
BARE_NAME = "bare"  # of its topic and its group, as that template says
_CPU = {1: "function", 2: "poller"}  # by its place in Drained


class Drained(NamedTuple):
    """What a backlog took."""

    rows_s: float
    function_us: float  # CPU of the function's environments, for a row
    poller_us: float


def run(bench: Bench) -> list[Row]:
    """Drain a backlog both ways and write such rows one by one, in turn; each into an event of its own."""
    size = bench.pick(50_000, 5_000)
    few = bench.pick(2_000, 500)  # a commit for each takes the same time, however many follow
    expected: dict[str, int] = {}
    wrong: list[str] = []
    bare_settings = replace(bench.settings, kafka_topic=BARE_NAME, kafka_group=BARE_NAME)
    ensure_topic(bare_settings, bench.settings.kafka_partitions, 1)
    with (
        closing(bench.stores()) as stores,
        closing(Stores.of(bare_settings)) as bare_stores,
        bench.cloud("drain", poller=False) as ours,
        bench.cloud("drain-bare", poller=False, template=FLOOR) as bare,
    ):

        def event(count: int) -> str:
            event_id = bench.open_event(stores, count, "drain")
            expected[event_id] = count
            return event_id

        def drain(cloud: Cloud, theirs: Stores) -> Drained:
            event_id = event(size)
            fill(bench, stores, event_id, size, settings=theirs.settings, linger_ms=5)
            found = drained(cloud, theirs, size)
            if cloud is ours and view(stores.gate, event_id).pending:
                wrong.append(f"{event_id}: the offsets are committed, and not everything is settled")
            return found

        contenders: dict[str, Callable[[], Drained]] = {
            "drain": partial(drain, ours, stores),
            "bare insert": partial(drain, bare, bare_stores),
            "row by row": lambda: Drained(_insert_rate(bench, event(few), few), 0, 0),
        }
        found = interleave(contenders, bench.pick(3, 1), bench.say)
    wrong += bench.wrong_rows(expected)
    what = f"drain of {size:,} waiting records through the local cloud"
    rates = {name: [each.rows_s for each in took] for name, took in found.items()}
    times = f"drain makes {median(rates['drain']) / median(rates['row by row']):.1f} times as many as row by row"
    both = {name: found[name] for name in ("drain", "bare insert")}
    cpu = {f"{name}, {_CPU[n]}": [each[n] for each in took] for n in _CPU for name, took in both.items()}
    return [
        Row(what, "rows/s", rates, [Bar("drain", "bare insert", 0.6)], wrong, [times]),
        Row(f"{what}: CPU", "µs of CPU a row", cpu),
    ]


def _insert_rate(bench: Bench, event_id: str, count: int) -> float:
    """Return how many rows of nobody's tickets a second are inserted, each committed by itself."""
    with mysql_connection(bench.settings, 60_000) as connection, connection.cursor() as cursor:
        rows = rows_of(event_id, count)
        return rate(lambda: [cursor.execute(INSERT, row) for row in rows], count)  # the session commits each


def drained(cloud: Cloud, stores: Stores, count: int) -> Drained:
    """Start the poller, wait until its topic is read, and stop it; return what each of `count` records took."""
    environments = cloud.environments("consume")
    before = all_spent_s(environments)

    def drain() -> None:
        cloud.poller.start()
        wait_until(stores.reader.caught_up, "everything is committed", timeout_s=DRAINED_S)

    rows_s = rate(drain, count)
    spent_s = all_spent_s(environments) - before
    pollers_s = all_spent_s([pid for pid in [cloud.poller.pid] if pid is not None])
    cloud.poller.stop()
    return Drained(rows_s, spent_s / count * 1e6, pollers_s / count * 1e6)


def fill(
    bench: Bench, stores: Stores, event_id: str, count: int, *, settings: Settings | None = None, **config: int
) -> None:
    """Let so many people take tickets, and have a record of each in the stream."""
    settings = settings or bench.settings
    producer = KafkaProducer(**kafka_config(settings), acks="all", metrics_enabled=False, **config)
    sent = [
        producer.send(settings.kafka_topic, key=ticket.user_id.encode(), value=encode(ticket, 1), headers=HEADERS)
        for ticket in apply_all(stores.gate, event_id, count)
    ]
    for future in sent:
        future.get(DRAINED_S)
    producer.close()
