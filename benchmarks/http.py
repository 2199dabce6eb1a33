"""HTTP through the local cloud, in a closed loop of 50 connections: who is refused, and who is accepted.

Beside it stand `redis-benchmark -t incr -c 50` in the same minute, and behind the same front, in as many environments,
the bare round trips and a handler that does nothing (`benchmarks/bare`).
"""

from __future__ import annotations

import subprocess
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks import wrk
from benchmarks.clouds import BARE, COUPONS, applications, cloud, drained, sold_out, unchanged
from benchmarks.measure import Bar, Row, interleave
from dev.install import programs
from firstcome.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.bench import Bench

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
        ours = opened.enter_context(cloud(bench, "http", poller=False))
        bare = opened.enter_context(cloud(bench, "bare", template=BARE))
        accepting, floor = bench.open_event(stores, COUPONS, "accept"), bench.open_event(stores, COUPONS, "bare")
        gone = sold_out(bench, stores)
        # An event that nobody may remember, as those of more coupons are.
        settings = replace(bench.settings, sold_out_memory_coupons=0)
        asked_for = sold_out(bench, opened.enter_context(closing(Stores.of(settings))))

        heard: dict[str, list[wrk.Heard]] = {}
        contenders = {
            "accepted": (ours.api_url, applications(accepting), 202),
            "bare round trips": (bare.api_url, f"/bare/{floor}", 202),
            "from memory": (ours.api_url, applications(gone), 409),
            "via Redis": (ours.api_url, applications(asked_for), 409),
            "bare EVALSHA": (bare.api_url, f"/bare/{gone}", 409),
            "empty handler": (bare.api_url, "/empty", 409),
        }
        wrong: dict[str, list[str]] = {name: [] for name in contenders}

        def measure(name: str, seconds: int) -> float:
            url, path, status = contenders[name]
            said = wrk.apply(url, path, seconds)
            heard.setdefault(name, []).append(said)
            if said.lost or set(said.statuses) != {status}:
                wrong[name].append(f"{name}: {said.statuses}, {said.lost} connections broke")
            return said.rate

        # Connections, and what the broker's virtual machine compiles when it has seen it often enough.
        for name in contenders if not bench.quick else ():
            bench.say(f"warming up: {name}")
            measure(name, 2)
        heard.clear()
        runs: dict[str, Callable[[], float]] = {name: partial(measure, name, bench.pick(3, 1)) for name in contenders}
        runs["INCR"] = partial(incr, bench, bench.pick(200_000, 20_000))
        values = interleave(runs, bench.pick(3, 1), bench.say)
        bench.say("draining")
        wrong["accepted"] += drained(bench, stores, ours, accepting)
        wrong["bare round trips"] += drained(bench, stores, ours, floor)
        wrong["from memory"] += unchanged(stores.gate, gone)
        wrong["via Redis"] += unchanged(stores.gate, asked_for)
    return [_sold_out(values, heard, wrong), _accepted(values, heard, wrong)]


def incr(bench: Bench, calls: int) -> float:
    """Return how many INCR a second Redis carries out for as many connections of `redis-benchmark`."""
    program, port = programs(["redis-benchmark"])["redis-benchmark"], str(urlsplit(bench.servers.redis_url).port)
    command = [program, "-p", port, "-t", "incr", "-c", str(wrk.CONNECTIONS), "-n", str(calls), "--csv"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(said.splitlines()[-1].split(",")[1].strip('"'))


def _sold_out(values: dict[str, list[float]], heard: dict[str, list[wrk.Heard]], wrong: dict[str, list[str]]) -> Row:
    names = ["INCR", "from memory", "via Redis", "bare EVALSHA", "empty handler"]
    return Row(
        "http-sold-out",
        f"HTTP, sold out, {wrk.CONNECTIONS} connections of wrk",
        "answers/s",
        {name: values[name] for name in names},
        [Bar("via Redis", "INCR", 0.11, why_not=WHY_NOT), Bar("from memory", "INCR", 0.15)],
        [found for name in names[1:] for found in wrong[name]],
        [_latency(heard, names[1:]), PEERS],
    )


def _accepted(values: dict[str, list[float]], heard: dict[str, list[wrk.Heard]], wrong: dict[str, list[str]]) -> Row:
    names = ["accepted", "bare round trips"]
    return Row(
        "http-accepted",
        f"HTTP, accepted, {wrk.CONNECTIONS} connections of wrk",
        "answers/s",
        {name: values[name] for name in names},
        [Bar("accepted", "bare round trips", 0.7)],
        [found for name in names for found in wrong[name]],
        [_latency(heard, names)],
    )


def _latency(heard: dict[str, list[wrk.Heard]], names: list[str]) -> str:
    """Say how long each of the last round took, by wrk's clock, which starts when it sends."""
    last = {name: heard[name][-1] for name in names}
    return "p50 and p99, ms: " + ", ".join(
        f"{name} {said.p50_ms:.1f} and {said.p99_ms:.1f}" for name, said in last.items()
    )
