"""HTTP through the local cloud, in a closed loop of 50 connections: who is refused, who is accepted, who asks again.

Beside it stand, behind the same front and in as many environments, the bare round trips and a handler that does nothing
(`benchmarks/bars/bare`). The kernel is asked what the environments had of the cores for it: that, and not the rate, is
what an account pays.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from statistics import median

from benchmarks.bars.drain import fill
from benchmarks.harness.bench import BARE, FEW, PLENTY, PREFIX, Bench, wrong_people
from benchmarks.harness.cpu import all_spent_s, spent_without_compiling_s
from benchmarks.harness.prices import HTTP_API_REQUEST, LAMBDA_GB_S, LAMBDA_REQUEST, MILLION
from benchmarks.harness.rows import Bar, Row, interleave
from benchmarks.harness.tools import CONNECTIONS, Heard, applications, turn, wrk
from benchmarks.scale.deployment import BATCH, MEMORY_MB
from benchmarks.scale.times import CONSUMED, CPU_UNIT, INSERTED, RECORD, SETTLED, SHARE
from dev.cloud import Cloud
from firstcome.stores import Stores

TURN_S = 1  # many short ones: a busy moment meets both sides
AGAIN = 1_000  # people who have a coupon, and ask again
OURS = ("accepted", "from memory", "via Redis", "already", "status")
SAME_CPU = (
    "the functions' CPU below is the same on both sides; beside other processes, the rates of a few short turns differ "
    "by more than that"
)
SHARED = (
    "front, client, Redis and broker cost both sides the same, about as much as our function, so rates are nearer to "
    "each other than the functions' CPU below; beside other processes they come nearer still"
)
BARS = [
    Bar("accepted", "bare round trips", 1.6, why_not=SHARED),
    Bar("via Redis", "bare EVALSHA", 0.85, why_not=SAME_CPU),
    Bar("from memory", "empty handler", 0.5),
]


@dataclass(frozen=True, slots=True)
class Contender:
    """What is asked of which cloud, and the status of a right answer. `people` come again; 0: all are new."""

    cloud: Cloud
    path: str
    status: int
    method: str = "POST"
    people: int = 0


def run(bench: Bench) -> list[Row]:
    """Measure all contenders in turn, then have what was accepted drained, and counted by MySQL."""
    with ExitStack() as opened:
        stores = opened.enter_context(closing(bench.stores()))
        # No poller while it is measured: the bare round trips end in the stream, and so does accepting.
        ours = opened.enter_context(bench.cloud("http", poller=False))
        bare = opened.enter_context(bench.cloud("bare", template=BARE))
        accepting, floor = bench.open_event(stores, PLENTY, "accept"), bench.open_event(stores, PLENTY, "bare")
        gone, known = bench.sold_out(stores), bench.open_event(stores, PLENTY, "again")
        # An event that nobody may remember, as those of more coupons are.
        settings = replace(bench.settings, sold_out_memory_coupons=0)
        asked_for = bench.sold_out(opened.enter_context(closing(Stores.of(settings))))
        fill(bench, stores, known, AGAIN)
        ours.poller.start()
        wrong = bench.drained(stores, known)
        ours.poller.stop()
        contenders = {
            "accepted": Contender(ours, applications(accepting), 202),
            "bare round trips": Contender(bare, f"/bare/{floor}", 202),
            "from memory": Contender(ours, applications(gone), 409),
            "empty handler": Contender(bare, "/empty", 409),
            "via Redis": Contender(ours, applications(asked_for), 409),
            "bare EVALSHA": Contender(bare, f"/bare/{gone}", 409),
            "already": Contender(ours, applications(known), 200, people=AGAIN),
            "status": Contender(ours, applications(known), 200, "GET", people=AGAIN),
        }
        servers = bench.servers.pids

        def measure(name: str) -> Heard:
            each, kafka = contenders[name], spent_without_compiling_s(servers["kafka"])
            asking = partial(wrk, method=each.method, prefix=PREFIX if each.people else "", people=each.people)
            ask = partial(asking, each.cloud.api_url, each.path, TURN_S)
            heard = turn(ask, partial(each.cloud.environments, "apply"), each.status, wrong)
            return replace(heard, kafka_s=spent_without_compiling_s(servers["kafka"]) - kafka)

        # Connections, and what the broker's virtual machine compiles when it has seen it often enough.
        for name in contenders if not bench.quick else ():
            bench.say(f"warming up: {name}")
            measure(name)
        turns = {name: partial(measure, name) for name in contenders}
        found = interleave(turns, bench.pick(6, 1), bench.say)
        consuming = {CONSUMED: ours.environments("consume")}
        consuming |= {INSERTED: [servers["mariadb"]], SETTLED: [servers["redis"]]}
        before = {name: all_spent_s(pids) for name, pids in consuming.items()}
        ours.poller.start()
        wrong += bench.drained(stores, accepting) + bench.drained(stores, floor)
        rows = bench.rows(accepting)[0] + bench.rows(floor)[0]
        row_us = {name: [(all_spent_s(pids) - before[name]) / rows * 1e6] for name, pids in consuming.items()}
        wrong += wrong_people(stores.gate, gone, FEW) + wrong_people(stores.gate, asked_for, FEW)
        wrong += wrong_people(stores.gate, known, AGAIN)
    cpu_us = {name: [each.cpu_us for each in found[name]] for name in (*OURS, "bare round trips", "bare EVALSHA")}
    return [*_rates(found, wrong), *_costs(cpu_us | {CONSUMED: row_us.pop(CONSUMED)}), _servers(found, row_us)]


def dollars(cpu_us: float, rows: int = 0) -> float:
    """Return what a million requests cost by the CPU of each alone; or a million rows, of which a batch has so many."""
    count = rows or 1
    billed_ms = ceil(cpu_us * count / SHARE / 1000)  # Lambda counts whole milliseconds
    invocation = LAMBDA_REQUEST + billed_ms / 1000 * MEMORY_MB / 1024 * LAMBDA_GB_S
    return MILLION / count * (invocation + (0 if rows else HTTP_API_REQUEST))


def _rates(found: dict[str, list[Heard]], wrong: list[str]) -> list[Row]:
    rows = []
    for what, names in (
        ("accepted", ["accepted", "bare round trips"]),
        ("sold out", ["from memory", "empty handler", "via Redis", "bare EVALSHA"]),
        ("asked again", ["already", "status"]),
    ):
        # By wrk's clock, which starts when it sends, in the last round.
        last = {name: found[name][-1] for name in names}
        times = (f"{name} {heard.p50_ms:.1f} and {heard.p99_ms:.1f}" for name, heard in last.items())
        values = {name: [each.rate for each in found[name]] for name in names}
        bars = [bar for bar in BARS if bar.of in names]
        note = f"p50 and p99, ms: {', '.join(times)}"
        title = f"HTTP, {what}, {CONNECTIONS} connections of wrk"
        rows.append(Row(title, "answers/s", values, bars, notes=[note]))
    rows[0].wrong.extend(wrong)
    return rows


def _costs(cpu_us: dict[str, list[float]]) -> list[Row]:
    """Return the CPU of each, and what a million of them costs."""
    paid = {
        name: [dollars(median(each), BATCH if name == CONSUMED else 0)]
        for name, each in cpu_us.items()
        if not name.startswith("bare")
    }
    arithmetic = (
        f"{MEMORY_MB:,} MB (template.yaml) have {SHARE:.2f} of a virtual CPU, which is taken to be "
        f"as fast as a core here; whole milliseconds are billed, of a batch of {BATCH} rows once. Waits for servers "
        "are billed as well, and are not in it. Prices: docs/deploy.md"
    )
    spent = "by /proc, user and system, of the environments alone: front, servers and client are not in it"
    return [
        Row("CPU of the functions", CPU_UNIT, cpu_us, notes=[spent]),
        Row("a million of each, by this CPU", "$", paid, notes=[arithmetic]),
    ]


def _servers(found: dict[str, list[Heard]], row_us: dict[str, list[float]]) -> Row:
    """Return what a winner and a row cost the servers, without what Kafka does where nobody sends anything."""
    idle = median(each.kafka_s / each.seconds for each in found["empty handler"])
    records = [(each.kafka_s - idle * each.seconds) / each.count * 1e6 for each in found["accepted"]]
    return Row("CPU of the servers", CPU_UNIT, {RECORD: records} | row_us, notes=["`make capacity` counts with these"])
