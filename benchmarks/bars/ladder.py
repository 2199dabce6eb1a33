"""The tutorial's ladder: its steps and firstcome over the same servers, before the same crowd, with the same faults.

Three questions to each: how fast it is, and what is wrong afterwards, when nothing happens; when processes die that
answer people; when the process dies that reads the stream. What is wrong is counted in MySQL.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks.harness.bench import Bench
from benchmarks.harness.rows import Row, interleave
from benchmarks.ladder import page
from benchmarks.ladder.contest import Contestant, Outcome, Plan, contestants, counters
from benchmarks.ladder.steps import OURS, STEPS, TIMEOUT_MS, make_tables
from benchmarks.ladder.workers import Burst
from dev.cloud import Cloud
from firstcome.ledger.connect import mysql_connection
from firstcome.stores import Stores

GREEDY = "greedy"
# A round waits for the sweep, which lets half a minute pass first, so that a slow record is not taken for a lost one.
SETTINGS = {"FIRSTCOME_SWEEP_OVERDUE_MS": "500"}

FULL = Plan(coupons=200, requests=2_000, rounds=3, kills=6, consumer_kills=3, workers=8)
QUICK = Plan(coupons=20, requests=200, rounds=1, kills=1, consumer_kills=1, workers=2)


# What was found of one step, round by round: by what it is, as the page shows it.
Found = dict[str, list[Any]]


def run(bench: Bench) -> list[Row]:
    """Let every step answer the same crowds, and lose the same processes."""
    folder = bench.folder / "ladder"
    cloud = Cloud(folder, servers=bench.servers, environment=SETTINGS, apply_environments=1, clock=False)
    with closing(bench.stores()) as stores, cloud:
        return measure(bench, QUICK if bench.quick else FULL, stores, cloud)


def draw(folder: Path, rows: list[Row]) -> None:
    """Write the table of these rows."""
    page.write(folder, rows[0].data)


def measure(bench: Bench, plan: Plan, stores: Stores, cloud: Cloud) -> list[Row]:
    """Do it with this much load; `cloud` has the consume and the retry of firstcome."""
    make_tables(bench.settings)
    found: dict[str, Found] = {step.name: defaultdict(list) for step in STEPS}
    wrong: list[str] = []
    with mysql_connection(bench.settings, TIMEOUT_MS) as connection, contestants(bench, plan, stores, cloud) as running:
        calm = {each.step.name: partial(_calm, each, found[each.step.name], connection, wrong) for each in running}
        rates = interleave(calm, plan.rounds, bench.say)
        for number in range(plan.kills):
            bench.say(f"round {number + 1} of {plan.kills}: processes die that answer people")
            for each in running:
                found[each.step.name]["killed"].append(_workers_die(each, wrong))
        for number in range(plan.consumer_kills):
            bench.say(f"round {number + 1} of {plan.consumer_kills}: the process dies that reads the stream")
            for each in running:
                if each.step.topic:
                    found[each.step.name]["consumer_killed"].append(_consumer_dies(each, wrong))
    steps = [{"name": name, "rate": rates[name]} | each for name, each in found.items()]
    data: dict[str, Any] = {"plan": asdict(plan), "steps": steps}
    what = f"the tutorial's ladder, {plan.coupons} coupons, {plan.requests} requests, {plan.workers} processes"
    note = "what each step gets wrong stands in [ladder.md](ladder.md)"
    p99_ms = {name: each["p99_ms"] for name, each in found.items()}
    rows = [Row(what, "requests/s", rates, wrong=wrong, notes=[note], data=data), Row(f"{what}: p99", "ms", p99_ms)]
    statements = {name: each["statements"] for name, each in found.items()}
    return [*rows, Row(f"{what}: the database", "statements a request", statements)]


def crowd(requests: int) -> list[str]:
    """Return who asks, in this order."""
    return [GREEDY if number % 10 == 9 else f"person-{number:05}" for number in range(requests)]


# --- a round of one step ---------------------------------------------------------------------------------------------


def _calm(each: Contestant, found: Found, connection: Any, wrong: list[str]) -> float:
    """Let nothing happen; return the requests a second."""
    event_id = each.open()
    looked, before = counters(connection), counters(connection)  # what differs is what looking costs
    burst = each.workers.burst(event_id, crowd(each.plan.requests))
    each.settle(event_id)
    counted = zip(looked, before, counters(connection), strict=True)
    statements, rows_read = (after - began - (began - first) for first, began, after in counted)
    found["statements"].append(statements / each.plan.requests)
    found["rows_read"].append(rows_read / each.plan.requests)
    found["p99_ms"].append(1000 * quantiles(burst.latencies_s, n=100)[-1])
    found["calm"].append(_closed(each, event_id, wrong, burst))
    return len(burst.latencies_s) / burst.seconds


def _workers_die(each: Contestant, wrong: list[str]) -> Outcome:
    """Kill as many processes as there are, one at a time, while the coupons go; each has a successor at once."""
    plan = each.plan
    deaths = deque(plan.coupons * number // (plan.workers + 1) for number in range(1, plan.workers + 1))

    def told(burst: Burst) -> None:
        if deaths and burst.promises >= deaths[0] and each.workers.kill_one():
            deaths.popleft()

    event_id = each.open()
    burst = each.workers.burst(event_id, crowd(3 * plan.coupons), told)
    return _asked_again(each, event_id, wrong, burst)


def _consumer_dies(each: Contestant, wrong: list[str]) -> Outcome:
    """Kill the consumer while it works; it comes back."""
    event_id = each.open()
    killer = threading.Thread(target=each.kill_readers, args=(event_id,))
    killer.start()
    burst = each.workers.burst(event_id, crowd(3 * each.plan.coupons))
    killer.join()
    return _asked_again(each, event_id, wrong, burst)


def _asked_again(each: Contestant, event_id: str, wrong: list[str], burst: Burst) -> Outcome:
    """Let everything settle, and everybody ask again who was told no."""
    each.mend(event_id)
    again = each.workers.burst(event_id, sorted(burst.no - burst.yes))
    if again.yes:
        each.mend(event_id)
    return _closed(each, event_id, wrong, burst, again)


def _closed(each: Contestant, event_id: str, wrong: list[str], *bursts: Burst) -> Outcome:
    """Count what the event came to. Whatever is wrong with firstcome's is wrong with the benchmark."""
    outcome = each.outcome(event_id, *bursts)
    if each.step is OURS:
        wrong += [f"{event_id}: {outcome}"] * (outcome != Outcome(each.plan.coupons, 0, 0, 0, 0))
        wrong += each.bench.wrong_rows({event_id: each.plan.coupons})
    return outcome
