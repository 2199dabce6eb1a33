"""A backlog of 50,000 records through the local cloud, from the poller's start to settled; beside it, a commit a row.

The tickets are the gate's, and the records stand in the stream before the poller starts.
"""

from __future__ import annotations

from contextlib import closing

from kafka import KafkaProducer

from benchmarks.bars.consume import insert_rate
from benchmarks.harness.bench import DRAINED_S, Bench, apply_all, view
from benchmarks.harness.functions import HEADERS
from benchmarks.harness.rows import Bar, Row, interleave, rate
from dev.process import wait_until
from firstcome.stores import Stores
from firstcome.stream.connect import kafka_config
from firstcome.stream.record import encode

PEERS = (
    "public projects of this kind, on such a machine: 930, 1,975 and 2,370 rows/s, where a commit for each row makes "
    "5,200 to 6,000; 0.42 times at best (First-come-first-served-event-system d6d5343)"
)


def run(bench: Bench) -> list[Row]:
    """Drain a backlog and write such rows one by one, in turn; each into an event of its own."""
    size = bench.pick(50_000, 5_000)
    few = bench.pick(5_000, 1_000)  # a commit for each takes the same time, however many follow
    expected: dict[str, int] = {}
    wrong: list[str] = []
    with closing(bench.stores()) as stores, bench.cloud("drain", poller=False) as ours:

        def event(count: int) -> str:
            event_id = bench.open_event(stores, count, "drain")
            expected[event_id] = count
            return event_id

        def drain() -> float:
            event_id = event(size)
            fill(bench, stores, event_id, size, linger_ms=5)

            def settle() -> None:
                ours.poller.start()
                settled(stores, event_id)

            found = rate(settle, size)
            wrong.extend([] if stores.reader.caught_up() else [f"{event_id}: the offsets are behind the rows"])
            ours.poller.stop()
            return found

        contenders = {"drain": drain, "row by row": lambda: insert_rate(bench, event(few), few)}
        values = interleave(contenders, bench.pick(3, 1), bench.say)
    wrong += bench.wrong_rows(expected)
    what = f"drain of {size:,} waiting records through the local cloud"
    return [Row(what, "rows/s", values, [Bar("drain", "row by row", 3)], wrong, [PEERS])]


def fill(bench: Bench, stores: Stores, event_id: str, count: int, **config: int) -> None:
    """Let so many people take tickets, and have a record of each in the stream."""
    producer = KafkaProducer(**kafka_config(bench.settings), acks="all", metrics_enabled=False, **config)
    topic = bench.settings.kafka_topic
    sent = [
        producer.send(topic, key=ticket.user_id.encode(), value=encode(ticket, 1), headers=HEADERS)
        for ticket in apply_all(stores.gate, event_id, count)
    ]
    for future in sent:
        future.get(DRAINED_S)
    producer.close()


def settled(stores: Stores, event_id: str) -> None:
    """Return when every row is committed and the gate knows of each."""
    wait_until(lambda: not view(stores.gate, event_id).pending, "everything is settled", timeout_s=DRAINED_S)
