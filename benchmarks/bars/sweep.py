"""The retry's sweep of overdue tickets, beside consume's rate."""

from __future__ import annotations

from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING

from benchmarks.bars.consume import chunks
from benchmarks.harness.bench import apply_all
from benchmarks.harness.functions import kafka_event, load
from benchmarks.harness.rows import Bar, Row, interleave, rate

if TYPE_CHECKING:
    from benchmarks.harness.bench import Bench
    from firstcome.rules import Ticket

BATCH = 500  # of consume, as in template.yaml; the sweep's own is its setting
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 180_000)


def run(bench: Bench) -> list[Row]:
    """Measure one whole run of the retry whose only work is to sweep, and consume with the same number of tickets."""
    count, rounds = bench.pick(10_000, 1_000), bench.pick(3, 1)
    expected: dict[str, int] = {}
    with (
        closing(bench.stores()) as stores,
        load(bench, "retry", sweep_overdue_ms="0") as retry,
        load(bench, "consume") as consume,
    ):

        def tickets() -> list[Ticket]:
            event_id = bench.open_event(stores, count, "sweep")
            expected[event_id] = count
            return apply_all(stores.gate, event_id, count)

        def sweep() -> float:
            tickets()
            return rate(lambda: retry({}, CONTEXT), count)

        def drain() -> float:
            batches = [kafka_event(bench.settings.kafka_topic, some) for some in chunks(tickets(), BATCH)]
            return rate(lambda: [consume(batch, None) for batch in batches], count)

        values = interleave({"sweep": sweep, "consume": drain}, rounds, bench.say)
        wrong = bench.wrong_rows(expected, stores.gate)
    return [Row(f"retry sweep of {count:,} overdue tickets", "rows/s", values, [Bar("sweep", "consume", 0.5)], wrong)]
