"""The consume handler, from the raw event to settled, beside a commit for every row and beside the bare insert."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from benchmarks.harness.bench import Bench, apply_all, person
from benchmarks.harness.functions import kafka_event, load
from benchmarks.harness.rows import Bar, Row, interleave, rate
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.statements import sql_time
from firstcome.stores import Stores

BATCHES = (100, 500, 5_000)
# In the form of which pymysql's executemany makes one statement.
INSERT = "INSERT INTO coupon (event_id, ticket, user_id, applied_at, issued_at) VALUES (%s, %s, %s, %s, %s)"
WHY_NOT = (
    "of about 30 µs a row 14 are Python (base64, the record, each field's check, JSON for the server; cProfile), 3 "
    "settle it in Redis, and the rest is the server, which parses that JSON; the floors do nothing of the first two, "
    "and a row by itself is one round trip to a server on this machine"
)
ONE_BY_ONE = 500  # rows of a round that are committed one by one: more would take long, and change nothing


def run(bench: Bench) -> list[Row]:
    """Measure every size of batch by itself."""
    with closing(bench.stores()) as stores, load(bench, "consume") as consume:
        return [_batches(bench, stores, consume, size) for size in (BATCHES[:2] if bench.quick else BATCHES)]


def insert_rate(bench: Bench, event_id: str, count: int, size: int = 1) -> float:
    """Return how many rows of nobody's tickets a second are inserted, `size` of them a commit."""
    at = sql_time(int(time.time() * 1000))
    batches = chunks([(event_id, number, person(number), at, at) for number in range(1, count + 1)], size)
    with mysql_connection(bench.settings, 60_000) as connection, connection.cursor() as cursor:

        def insert() -> None:
            for batch in batches:
                if size == 1:  # the session commits each statement by itself
                    cursor.execute(INSERT, batch[0])
                else:
                    connection.begin()
                    cursor.executemany(INSERT, batch)
                    connection.commit()

        return rate(insert, count)


def chunks(items: list[Any], size: int) -> list[list[Any]]:
    """Return them in batches."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def _batches(bench: Bench, stores: Stores, consume: Callable[[Any, Any], Any], size: int) -> Row:
    rounds, rows = bench.pick(3, 1), max(size, bench.pick(5_000, 1_000))
    expected: dict[str, int] = {}

    def event(count: int) -> str:
        event_id = bench.open_event(stores, count, "consume")
        expected[event_id] = count
        return event_id

    def handler() -> float:
        tickets = apply_all(stores.gate, event(rows), rows)
        events = [kafka_event(bench.settings.kafka_topic, batch) for batch in chunks(tickets, size)]
        return rate(lambda: [consume(one, None) for one in events], rows)

    few = min(rows, ONE_BY_ONE)
    contenders = {
        "handler": handler,
        "executemany": lambda: insert_rate(bench, event(rows), rows, size),
        "row by row": lambda: insert_rate(bench, event(few), few),
    }
    values = interleave(contenders, rounds, lambda step: bench.say(f"batches of {size}, {step}"))
    bars = [Bar("handler", "row by row", 15, why_not=WHY_NOT)]
    if size >= 500:
        bars.append(Bar("handler", "executemany", 0.5, why_not=WHY_NOT))
    what = f"consume handler, raw event to settled, batches of {size:,}"
    return Row(what, "rows/s", values, bars, bench.wrong_rows(expected, stores.gate))
