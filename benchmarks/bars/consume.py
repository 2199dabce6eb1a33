"""The consume handler, from the raw event to settled, beside the bare insert of the same rows.

Time, and CPU: of this process, and of MariaDB and Redis with it. All of both sides is work in turn on one connection,
so a machine that is slow or busy is so for both.
"""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, NamedTuple

from benchmarks.harness.bench import Bench, apply_all, person
from benchmarks.harness.cpu import all_spent_s
from benchmarks.harness.functions import environment, kafka_event
from benchmarks.harness.rows import INSERT, Bar, Row, interleave
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.statements import sql_time
from firstcome.stores import Stores

BATCHES = (100, 500, 5_000)
FLOOR = (
    "executemany is given the rows as tuples, and writes them with one statement and commit a batch over a session and "
    "into a table as ours. It reads no record, asks for no capacity and no refusal, and tells no gate"
)
WHY_NOT = (
    "the statement is not what it costs: of the CPU below, Python reads some kB of event a row, which executemany is "
    "spared, and Redis takes the marks off; where other processes take the cores, that Python's caches are cold as well"
)
HELD_TO = 500  # rows of a batch from which on the bar holds, as the template's: below, it is the round trips that count
CPU = {1: "Python", 2: "with MariaDB and Redis"}  # by its place in Took


class Took(NamedTuple):
    """What a contender's rows took."""

    rows_s: float
    cpu_us: float  # of this process, for a row
    all_cpu_us: float  # with the servers'


def run(bench: Bench) -> list[Row]:
    """Measure every size of batch by itself."""
    with closing(bench.stores()) as stores, environment(bench, "consume"):
        consume = importlib.import_module("functions.consume.handler").handler
        sizes = BATCHES[:2] if bench.quick else BATCHES
        return [row for size in sizes for row in _batches(bench, stores, consume, size)]


def chunks(items: list[Any], size: int) -> list[list[Any]]:
    """Return them in batches."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def rows_of(event_id: str, count: int) -> list[tuple[Any, ...]]:
    """Return so many rows of nobody's tickets."""
    at = sql_time(int(time.time() * 1000))
    return [(event_id, number, person(number), at, at) for number in range(1, count + 1)]


def _took(servers: list[int], call: Callable[[Any], object], batches: Iterable[Any], count: int) -> Took:
    """Call with each of the batches, which have `count` rows; what makes a batch is not a part of it."""
    seconds = ours = theirs = 0.0
    for batch in batches:
        servers_before, ours_before, began = all_spent_s(servers), time.process_time(), time.perf_counter()
        call(batch)
        seconds += time.perf_counter() - began
        ours += time.process_time() - ours_before
        theirs += all_spent_s(servers) - servers_before
    return Took(count / seconds, ours / count * 1e6, (ours + theirs) / count * 1e6)


def _batches(bench: Bench, stores: Stores, consume: Callable[[Any, Any], Any], size: int) -> list[Row]:
    rounds, rows = bench.pick(3, 1), max(size, bench.pick(20_000, 1_000))  # the kernel counts CPU in steps of 10 ms
    servers = [pid for name, pid in bench.servers.pids.items() if name != "kafka"]
    expected: dict[str, int] = {}

    def event(count: int) -> str:
        event_id = bench.open_event(stores, count, "consume")
        expected[event_id] = count
        return event_id

    def handler() -> Took:
        tickets = apply_all(stores.gate, event(rows), rows)
        raw = [json.dumps(kafka_event(bench.settings.kafka_topic, batch)) for batch in chunks(tickets, size)]
        events = map(json.loads, raw)  # each when its turn comes, as the runtime reads it before it calls
        return _took(servers, lambda one: consume(one, None), events, rows)

    def executemany() -> Took:
        event_id = event(rows)
        with mysql_connection(bench.settings, 60_000) as connection, connection.cursor() as cursor:

            def insert(batch: list[Any]) -> None:
                connection.begin()
                cursor.executemany(INSERT, batch)
                connection.commit()

            return _took(servers, insert, chunks(rows_of(event_id, rows), size), rows)

    contenders = {"handler": handler, "executemany": executemany}
    found = interleave(contenders, rounds, lambda step: bench.say(f"batches of {size}, {step}"))
    rates = {name: [each.rows_s for each in took] for name, took in found.items()}
    bars = [Bar("handler", "executemany", 0.4, why_not=WHY_NOT)] if size >= HELD_TO else []
    what = f"consume handler, raw event to settled, batches of {size:,}"
    cpu = {f"{name}, {where}": [each[n] for each in took] for name, took in found.items() for n, where in CPU.items()}
    notes = [FLOOR] if size == HELD_TO else []
    return [
        Row(what, "rows/s", rates, bars, bench.wrong_rows(expected, stores.gate), notes),
        Row(f"{what}: CPU", "µs of CPU a row", cpu),
    ]
