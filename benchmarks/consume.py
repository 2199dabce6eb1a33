"""The consume handler, from the raw event to settled, beside a commit for every row and beside the bare insert."""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.bench import wrong_rows
from benchmarks.function import apply_all, load, msk_event, person
from benchmarks.measure import Bar, Row, interleave
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.statements import sql_time
from firstcome.rules import Ticket

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.bench import Bench
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


def _batches(bench: Bench, stores: Stores, consume: Callable[[Any, Any], Any], size: int) -> Row:
    rounds, rows = bench.pick(5, 1), max(size, bench.pick(5_000, 1_000))
    expected: dict[str, int] = {}

    def open_event(count: int) -> str:
        event_id = bench.open_event(stores, count, "consume")
        expected[event_id] = count
        return event_id

    def tickets_of_nobody(count: int) -> list[Ticket]:
        event_id, now_ms = open_event(count), int(time.time() * 1000)
        return [Ticket(event_id, person(n), n, now_ms) for n in range(1, count + 1)]

    def handler() -> float:
        tickets = apply_all(stores, open_event(rows), rows)
        events = [msk_event(bench.settings.kafka_topic, chunk) for chunk in _chunks(tickets, size)]
        return _timed(rows, [partial(consume, one, None) for one in events])

    def executemany() -> float:
        tickets = tickets_of_nobody(rows)
        with mysql_connection(bench.settings, 60_000) as connection, connection.cursor() as cursor:

            def insert(chunk: list[Ticket]) -> None:
                connection.begin()
                cursor.executemany(INSERT, list(map(_values, chunk)))
                connection.commit()

            return _timed(rows, [partial(insert, chunk) for chunk in _chunks(tickets, size)])

    def one_by_one() -> float:
        few = min(rows, ONE_BY_ONE)
        tickets = tickets_of_nobody(few)
        with mysql_connection(bench.settings, 60_000) as connection, connection.cursor() as cursor:
            # The session commits each statement by itself.
            return _timed(few, [partial(cursor.execute, INSERT, _values(ticket)) for ticket in tickets])

    contenders = {"handler": handler, "executemany": executemany, "row by row": one_by_one}
    values = interleave(contenders, rounds, lambda step: bench.say(f"batches of {size}, {step}"))
    wrong = [found for event_id, count in expected.items() for found in wrong_rows(bench, event_id, count)]
    views = [stores.gate.show(event_id) for event_id in expected]
    wrong += [f"{view} is not settled" for view in views if view is None or view.pending]
    bars = [Bar("handler", "row by row", 15, why_not=WHY_NOT)]
    if size >= 500:
        bars.append(Bar("handler", "executemany", 0.5, why_not=WHY_NOT))
    what = f"consume handler, raw event to settled, batches of {size:,}"
    return Row(f"consume-{size}", what, "rows/s", values, bars, wrong)


def _values(ticket: Ticket) -> tuple[str, int, str, str, str]:
    at = sql_time(ticket.applied_at_ms)
    return ticket.event_id, ticket.number, ticket.user_id, at, at


def _timed(rows: int, calls: list[Callable[[], object]]) -> float:
    began = time.perf_counter()
    for call in calls:
        call()
    return rows / (time.perf_counter() - began)


def _chunks(tickets: list[Ticket], size: int) -> list[list[Ticket]]:
    return [tickets[start : start + size] for start in range(0, len(tickets), size)]
