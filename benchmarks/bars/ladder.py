"""The tutorial's ladder: its steps and firstcome over the same servers, before the same crowd, with the same faults.

Three questions to each: how fast it is, and what is wrong afterwards, when nothing happens; when processes die that
answer people; when the process dies that reads the stream. What is wrong is counted in MySQL.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.harness.bench import Bench
from benchmarks.harness.rows import Row, interleave, markdown
from benchmarks.ladder.contest import Contestant, Outcome, Plan, contestants, statements
from benchmarks.ladder.steps import OURS, TIMEOUT_MS, make_tables
from benchmarks.ladder.workers import Burst
from dev.cloud import Cloud
from firstcome.ledger.connect import mysql_connection
from firstcome.stores import Stores

GREEDY = "greedy"
# A round waits for the sweep, which lets half a minute pass first, so that a slow record is not taken for a lost one.
SETTINGS = {"FIRSTCOME_SWEEP_OVERDUE_MS": "500"}

FULL = Plan(coupons=200, requests=2_000, rounds=3, kills=6, consumer_kills=3, workers=8)
QUICK = Plan(coupons=20, requests=200, rounds=1, kills=1, consumer_kills=1, workers=2)


# What can be wrong: when, and what of an outcome.
WRONG = {
    "over-issued": ("calm", "over_issued"),
    "second coupons": ("calm", "second"),
    "lost, processes killed": ("killed", "lost"),
    "told yes, no coupon": ("killed", "unkept"),
    "over-issued, consumer killed": ("consumer_killed", "over_issued"),
}
HEAD = ("step", *WRONG, "requests/s", "p99, ms", "statements a request")


def run(bench: Bench) -> list[Row]:
    """Let every step answer the same crowds, and lose the same processes."""
    folder = bench.folder / "ladder"
    cloud = Cloud(folder, servers=bench.servers, environment=SETTINGS, apply_environments=1, clock=False)
    with closing(bench.stores()) as stores, cloud:
        return measure(bench, QUICK if bench.quick else FULL, stores, cloud)


def measure(bench: Bench, plan: Plan, stores: Stores, cloud: Cloud) -> list[Row]:
    """Do it with this much load; `cloud` has the consume and the retry of firstcome."""
    make_tables(bench.settings)
    with mysql_connection(bench.settings, TIMEOUT_MS) as connection, contestants(bench, plan, stores, cloud) as running:
        calm = {each.step.name: partial(_calm, each, connection) for each in running}
        rates = interleave(calm, plan.rounds, bench.say)
        for number in range(plan.kills):
            bench.say(f"round {number + 1} of {plan.kills}: processes die that answer people")
            for each in running:
                each.found["killed"].append(_workers_die(each))
        for number in range(plan.consumer_kills):
            bench.say(f"round {number + 1} of {plan.consumer_kills}: the process dies that reads the stream")
            for each in running:
                if each.step.topic:
                    each.found["consumer_killed"].append(_consumer_dies(each))
    steps: list[dict[str, Any]] = [
        {"name": name, "rate": rates[name]} | each.found for name, each in zip(rates, running, strict=True)
    ]
    wrong = [what for each in running for what in each.wrong]
    data: dict[str, Any] = {"plan": asdict(plan), "steps": steps}
    what = f"the tutorial's ladder, {plan.coupons} coupons, {plan.requests} requests, {plan.workers} processes"
    note = "what each step gets wrong stands in [ladder.md](ladder.md)"
    p99_ms = {step["name"]: step["p99_ms"] for step in steps}
    rows = [Row(what, "requests/s", rates, wrong=wrong, notes=[note], data=data), Row(f"{what}: p99", "ms", p99_ms)]
    made = {step["name"]: step["statements"] for step in steps}
    return [*rows, Row(f"{what}: the database", "statements a request", made)]


def draw(folder: Path, rows: list[Row]) -> None:
    """Write `ladder.md` into `folder`: the table of these rows."""
    data = rows[0].data
    table = markdown(HEAD, map(_cells, data["steps"]))
    (folder / "ladder.md").write_text(f"# The tutorial's ladder\n\n{_caption(data['plan'])}\n\n{table}")


def _cells(step: dict[str, Any]) -> list[str]:
    return [
        step["name"],
        *(_span(getattr(one, what) for one in step.get(when, ())) for when, what in WRONG.values()),
        f"{median(step['rate']):,.0f}",
        f"{median(step['p99_ms']):.1f}",
        f"{median(step['statements']):.2g}",
    ]


def _caption(plan: dict[str, int]) -> str:
    greedy = plan["requests"] // 10
    people = plan["requests"] - greedy
    return (
        f"{plan['coupons']} coupons; {plan['requests']:,} requests, of {people:,} people and of one who asks {greedy}"
        f" times; {plan['workers']} processes with one request at a time each. {plan['rounds']} rounds without a fault;"
        f" {plan['kills']} in which {plan['workers']} processes are killed, one at a time, while the coupons go, and"
        f" replaced at once; {plan['consumer_kills']} in which the consumer is killed while it works. Wrong coupons as"
        " MySQL has them when everything has settled and everybody has asked again: from the lowest to the highest of"
        " the rounds. Rates and times: the median."
    )


def _span(values: Iterable[int]) -> str:
    found = sorted(set(values))
    return " to ".join(str(value) for value in dict.fromkeys((found[0], found[-1]))) if found else ""


def crowd(requests: int) -> list[str]:
    """Return who asks, in this order."""
    return [GREEDY if number % 10 == 9 else f"person-{number:05}" for number in range(requests)]


# --- a round of one step ---------------------------------------------------------------------------------------------


def _calm(each: Contestant, connection: Any) -> float:
    """Let nothing happen; return the requests a second."""
    event_id = each.open()
    before = statements(connection)
    burst = each.workers.burst(event_id, crowd(each.plan.requests))
    each.settle(event_id)
    made = statements(connection) - before - 1  # but for looking
    each.found["statements"].append(made / each.plan.requests)
    each.found["p99_ms"].append(1000 * quantiles(burst.latencies_s, n=100)[-1])
    each.found["calm"].append(_closed(each, event_id, burst))
    return len(burst.latencies_s) / burst.seconds


def _workers_die(each: Contestant) -> Outcome:
    """Kill as many processes as there are, one at a time, while the coupons go; each has a successor at once."""
    plan = each.plan
    deaths = deque(plan.coupons * number // (plan.workers + 1) for number in range(1, plan.workers + 1))

    def told(burst: Burst) -> None:
        if deaths and burst.promises >= deaths[0] and each.workers.kill_one():
            deaths.popleft()

    event_id = each.open()
    burst = each.workers.burst(event_id, crowd(3 * plan.coupons), told)
    return _asked_again(each, event_id, burst)


def _consumer_dies(each: Contestant) -> Outcome:
    """Kill the consumer while it works; it comes back."""
    event_id = each.open()
    killer = threading.Thread(target=each.kill_readers, args=(event_id,))
    killer.start()
    burst = each.workers.burst(event_id, crowd(3 * each.plan.coupons))
    killer.join()
    return _asked_again(each, event_id, burst)


def _asked_again(each: Contestant, event_id: str, burst: Burst) -> Outcome:
    """Let everything settle, and everybody ask again who was told no."""
    each.mend(event_id)
    again = each.workers.burst(event_id, sorted(burst.no - burst.yes))
    if again.yes:
        each.mend(event_id)
    return _closed(each, event_id, burst, again)


def _closed(each: Contestant, event_id: str, *bursts: Burst) -> Outcome:
    """Count what the event came to. Whatever is wrong with firstcome's is wrong with the benchmark."""
    outcome = each.outcome(event_id, *bursts)
    if each.step is OURS:
        each.wrong += [f"{event_id}: {outcome}"] * (outcome != Outcome(each.plan.coupons, 0, 0, 0, 0))
        each.wrong += each.bench.wrong_rows({event_id: each.plan.coupons})
    return outcome
