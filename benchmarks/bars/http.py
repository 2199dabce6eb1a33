"""HTTP through the local cloud, in a closed loop of 50 connections: who is refused, and who is accepted.

Beside it stand `redis-benchmark` with INCR in the same minute, and behind the same front, in as many environments, the
bare round trips and a handler that does nothing (`benchmarks/bars/bare`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial

from benchmarks.harness.bench import BARE, FEW, PLENTY, Bench, wrong_people
from benchmarks.harness.rows import Bar, Row, interleave
from benchmarks.harness.tools import CONNECTIONS, Heard, applications, redis_benchmark, wrk
from firstcome.stores import Stores

WHY_NOT = (
    "one EVALSHA of redis-py behind this front and nothing else (bare EVALSHA) does not reach it either, on two cores "
    "that also run wrk, haproxy and Redis; nearly all losers are answered from memory, without that round trip"
)
PEERS = (
    "public projects of this kind, on two such cores with INCR at 93 to 96 k/s: sold out 3,774 to 10,370 a second, "
    "accepted 2,762 to 7,162, the fastest without waiting for the broker (springboot-coupon-system 583c310, "
    "Ticket-Craze d03e3e8, First-come-first-served-event-system d6d5343)"
)


def run(bench: Bench) -> list[Row]:
    """Measure all contenders in turn, then have what was accepted drained, and counted by MySQL."""
    with ExitStack() as opened:
        stores = opened.enter_context(closing(bench.stores()))
        # No poller while it is measured: the bare round trips end in the stream, and so does accepting.
        ours = opened.enter_context(bench.cloud("http", poller=False))
        bare = opened.enter_context(bench.cloud("bare", template=BARE))
        accepting, floor = bench.open_event(stores, PLENTY, "accept"), bench.open_event(stores, PLENTY, "bare")
        gone = bench.sold_out(stores)
        # An event that nobody may remember, as those of more coupons are.
        settings = replace(bench.settings, sold_out_memory_coupons=0)
        asked_for = bench.sold_out(opened.enter_context(closing(Stores.of(settings))))
        contenders = {
            "accepted": (ours.api_url, applications(accepting), 202),
            "bare round trips": (bare.api_url, f"/bare/{floor}", 202),
            "from memory": (ours.api_url, applications(gone), 409),
            "via Redis": (ours.api_url, applications(asked_for), 409),
            "bare EVALSHA": (bare.api_url, f"/bare/{gone}", 409),
            "empty handler": (bare.api_url, "/empty", 409),
        }
        wrong: dict[str, list[str]] = {name: [] for name in contenders}
        last: dict[str, Heard] = {}

        def measure(name: str, seconds: int) -> float:
            url, path, status = contenders[name]
            said = last[name] = wrk(url, path, seconds)
            if said.lost or set(said.statuses) != {status}:
                wrong[name].append(f"{name}: {said.statuses}, {said.lost} connections broke")
            return said.rate

        # Connections, and what the broker's virtual machine compiles when it has seen it often enough.
        for name in contenders if not bench.quick else ():
            bench.say(f"warming up: {name}")
            measure(name, 2)
        runs: dict[str, Callable[[], float]] = {name: partial(measure, name, bench.pick(3, 1)) for name in contenders}
        runs["INCR"] = partial(redis_benchmark, bench, ["INCR", "bench:count"], bench.pick(200_000, 20_000))
        values = interleave(runs, bench.pick(3, 1), bench.say)
        ours.poller.start()
        wrong["accepted"] += bench.drained(stores, accepting)
        wrong["bare round trips"] += bench.drained(stores, floor)
        wrong["from memory"] += wrong_people(stores.gate, gone, FEW)
        wrong["via Redis"] += wrong_people(stores.gate, asked_for, FEW)

    def row(what: str, names: list[str], bars: list[Bar], *notes: str) -> Row:
        # By wrk's clock, which starts when it sends, in the last round.
        times = (f"{name} {last[name].p50_ms:.1f} and {last[name].p99_ms:.1f}" for name in names if name in last)
        found = [each for name in names for each in wrong.get(name, ())]
        said = [f"p50 and p99, ms: {', '.join(times)}", *notes]
        what = f"HTTP, {what}, {CONNECTIONS} connections of wrk"
        return Row(what, "answers/s", {name: values[name] for name in names}, bars, found, said)

    gone_bars = [Bar("via Redis", "INCR", 0.11, why_not=WHY_NOT), Bar("from memory", "INCR", 0.15)]
    return [
        row("sold out", ["INCR", "from memory", "via Redis", "bare EVALSHA", "empty handler"], gone_bars, PEERS),
        row("accepted", ["accepted", "bare round trips"], [Bar("accepted", "bare round trips", 0.7)]),
    ]
