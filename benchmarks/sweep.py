"""The retry's sweep of overdue tickets, beside consume's rate."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from benchmarks.bench import wrong_rows
from benchmarks.function import apply_all, load, msk_event
from benchmarks.measure import Bar, Row, interleave, rate

if TYPE_CHECKING:
    from benchmarks.bench import Bench

BATCH = 500  # of consume, as in template.yaml; the sweep's own is its setting
PLENTY_MS = 180_000


class _Context:
    def get_remaining_time_in_millis(self) -> int:
        return PLENTY_MS


def run(bench: Bench) -> list[Row]:
    """Measure one whole run of the retry whose only work is to sweep, and consume with the same number of tickets."""
    count, rounds = bench.pick(10_000, 1_000), bench.pick(3, 1)
    events: list[str] = []
    with (
        closing(bench.stores()) as stores,
        load(bench, "retry", sweep_overdue_ms="0") as retry,
        load(bench, "consume") as consume,
    ):

        def sweep() -> float:
            events.append(bench.open_event(stores, count, "sweep"))
            apply_all(stores, events[-1], count)
            return rate(lambda: retry({}, _Context()), count)

        def drain() -> float:
            events.append(bench.open_event(stores, count, "consume"))
            tickets = apply_all(stores, events[-1], count)
            batches = [msk_event(bench.settings.kafka_topic, tickets[n : n + BATCH]) for n in range(0, count, BATCH)]
            return rate(lambda: [consume(batch, None) for batch in batches], count)

        values = interleave({"sweep": sweep, "consume": drain}, rounds, bench.say)
        views = [stores.gate.show(event_id) for event_id in events]
    wrong = [found for event_id in events for found in wrong_rows(bench, event_id, count)]
    wrong += [f"{view} is not settled" for view in views if view is None or view.pending]
    bars = [Bar("sweep", "consume", 0.5)]
    return [Row("sweep", f"retry sweep of {count:,} overdue tickets", "rows/s", values, bars, wrong)]
