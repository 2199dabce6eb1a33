"""What the gate of one event takes in Redis's memory: so many bytes a winner, and not one more for the losers.

`make capacity` counts with WINNER_BYTES, which is held to what is measured here.

Everybody applies through the gate's own script, by `redis-benchmark`, with ids as long as a UUID, until all coupons are
given away; then ten times as many people come too late. Nothing is settled meanwhile, so this is the peak: every ticket
is still pending.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

from benchmarks.harness.bench import CALL, Bench, evalsha, view, wrong_people
from benchmarks.harness.rows import Bar, Row
from benchmarks.harness.tools import SOMEBODY, redis_benchmark
from benchmarks.scale.limits import WINNER_BYTES
from firstcome.gate.gate import Gate
from firstcome.stores import Stores

SIZES = (100, 10_000, 150_000)  # the last has just outgrown a table of 2^17, and has room for twice as many
LOSERS = 10  # a winner
SLACK = 1.01
CONNECTIONS = 8
PATIENCE_MS = 60_000  # Redis counts the bytes one by one, and does nothing else meanwhile
PIPELINE = 64  # commands under way on each: what is measured is memory, not time
PEAK, PLANNED = "all coupons given", "planned"
CAREFUL = 0.8  # of what is planned: a plan of more would ask for too large a node
LATER = f"{LOSERS} losers a winner later"


def run(bench: Bench) -> list[Row]:
    """Measure events of every size, which differ in how full Redis's tables are; the smallest needs none."""
    return [_row(bench, coupons) for coupons in (SIZES[:2] if bench.quick else SIZES)]


def _row(bench: Bench, coupons: int) -> Row:
    with closing(Stores.of(replace(bench.settings, redis_timeout_ms=PATIENCE_MS))) as stores:
        gate = stores.gate
        event_id = bench.open_event(stores, coupons, "memory")
        gate.apply(event_id, "somebody", "call")  # connections and scripts are not the event's
        bench.say(f"{coupons:,} winners")
        while (given := view(gate, event_id).coupon_count) < coupons:  # some ids come twice
            _apply(bench, gate, event_id, coupons - given)
        peak = _keys(gate, event_id)
        bench.say(f"{coupons * LOSERS:,} losers")
        _apply(bench, gate, event_id, coupons * LOSERS)
        later = _keys(gate, event_id)
        pending = view(gate, event_id).pending
        wrong = wrong_people(gate, event_id, coupons) + ([] if pending == coupons else [f"{pending} are pending"])
        bench.forget(stores, event_id)
    parts = ", ".join(f"{key} {size / coupons:.0f}" for key, size in sorted(later.items(), key=lambda one: -one[1]))
    notes = [f"by key: {parts}"]
    values = {PEAK: [sum(peak.values()) / coupons], LATER: [sum(later.values()) / coupons]}
    bars = [Bar(LATER, PEAK, SLACK, at_most=True)]
    if coupons == SIZES[-1]:
        values[PLANNED] = [float(WINNER_BYTES)]
        bars += [Bar(PEAK, PLANNED, 1, at_most=True), Bar(PEAK, PLANNED, CAREFUL)]
    return Row(f"memory of the gate, {coupons:,} coupons", "bytes a winner", values, bars, wrong, notes)


def _apply(bench: Bench, gate: Gate, event_id: str, calls: int) -> None:
    """Let so many people apply, one after the other on some connections."""
    connections, pipeline = min(CONNECTIONS, calls), max(1, min(PIPELINE, calls // CONNECTIONS))
    command = [*evalsha(gate, event_id), SOMEBODY, CALL]
    redis_benchmark(bench, command, calls, connections=connections, pipeline=pipeline)


def _keys(gate: Gate, event_id: str) -> dict[str, int]:
    """Return what each key of the event takes, counted whole (`SAMPLES 0`), in bytes."""
    redis: Any = gate.redis
    sizes = {key: redis.memory_usage(key, samples=0) for key in gate.keys(event_id)}
    return {key.rpartition(":")[2]: size for key, size in sizes.items() if size is not None}
