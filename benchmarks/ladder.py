"""The tutorial's ladder: its steps and firstcome over the same servers, before the same crowd, with the same faults.

Three questions to each: how fast it is, and what is wrong afterwards, when nothing happens; when processes die that
answer people; when the process dies that reads the stream. What is wrong is counted in MySQL.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks import ladder_page
from benchmarks.bench import wrong_rows
from benchmarks.contest import Load, Plan, contestants
from benchmarks.measure import Row, interleave
from benchmarks.strategies import STEPS, tables
from dev.cloud import Cloud
from firstcome.ledger.connect import mysql_connection

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.bench import Bench
    from benchmarks.burst import Burst
    from benchmarks.contest import Contestant, Outcome
    from firstcome.stores import Stores

GREEDY = "greedy"
# A round waits for the sweep, which lets half a minute pass first, so that a slow record is not taken for a lost one.
SETTINGS = {"FIRSTCOME_SWEEP_OVERDUE_MS": "500"}

FULL = Plan(coupons=200, requests=2_000, rounds=5, kills=6, consumer_kills=3, workers=8)
QUICK = Plan(coupons=20, requests=200, rounds=1, kills=1, consumer_kills=1, workers=2)


@dataclass(slots=True)
class Found:
    """What was found of one step, round by round."""

    p99_ms: list[float] = field(default_factory=list)
    statements: list[float] = field(default_factory=list)  # a request
    rows_read: list[float] = field(default_factory=list)  # a request
    calm: list[Outcome] = field(default_factory=list)
    killed: list[Outcome] = field(default_factory=list)
    consumer_killed: list[Outcome] = field(default_factory=list)


def run(bench: Bench) -> list[Row]:
    """Let every step answer the same crowds, and lose the same processes."""
    folder = bench.folder / "ladder"
    cloud = Cloud(folder, servers=bench.servers, environment=SETTINGS, apply_environments=1, clock=False)
    with closing(bench.stores()) as stores:
        try:
            cloud.start(bench.say)
            return measure(bench, QUICK if bench.quick else FULL, stores, cloud)
        finally:
            cloud.stop()


def draw(folder: Path, rows: list[Row]) -> None:
    """Write the table and the plot of these rows."""
    ladder_page.write(folder, rows[0].data)


def measure(bench: Bench, plan: Plan, stores: Stores, cloud: Cloud) -> list[Row]:
    """Do it with this much load; `cloud` has the consume and the retry of firstcome."""
    tables.make(bench.settings)
    found = {step.name: Found() for step in STEPS}
    wrong: list[str] = []
    with (
        mysql_connection(bench.settings, tables.TIMEOUT_MS) as connection,
        contestants(bench, plan, stores, cloud) as running,
    ):
        load = Load(connection)
        calm = {each.step.name: partial(_calm, each, found[each.step.name], load, wrong) for each in running}
        rates = interleave(calm, plan.rounds, bench.say)
        for number in range(plan.kills):
            bench.say(f"round {number + 1} of {plan.kills}: processes die that answer people")
            for each in running:
                found[each.step.name].killed.append(_workers_die(each, wrong))
        for number in range(plan.consumer_kills):
            bench.say(f"round {number + 1} of {plan.consumer_kills}: the process dies that reads the stream")
            for each in running:
                if each.step.topic:
                    found[each.step.name].consumer_killed.append(_consumer_dies(each, wrong))
    return _rows(plan, rates, found, wrong)


def crowd(requests: int) -> list[str]:
    """Return who asks, in this order."""
    return [GREEDY if number % 10 == 9 else f"person-{number:05}" for number in range(requests)]


# --- a round of one step ---------------------------------------------------------------------------------------------


def _calm(each: Contestant, found: Found, load: Load, wrong: list[str]) -> float:
    """Nothing happens; return the requests a second."""
    event_id = each.open()
    load.start()
    burst = each.workers.burst(event_id, crowd(each.plan.requests))
    each.behind.settle(event_id, burst.promises)
    statements, rows_read = load.stop()
    found.statements.append(statements / each.plan.requests)
    found.rows_read.append(rows_read / each.plan.requests)
    ordered = sorted(burst.latencies_s)
    found.p99_ms.append(ordered[int(0.99 * (len(ordered) - 1))] * 1_000)
    found.calm.append(_closed(each, event_id, wrong, burst))
    return burst.rate


def _workers_die(each: Contestant, wrong: list[str]) -> Outcome:
    """As many processes as there are die, one at a time, while the coupons go; each has a successor at once."""
    plan = each.plan
    deaths = deque(plan.coupons * number // (plan.workers + 1) for number in range(1, plan.workers + 1))

    def told(burst: Burst) -> None:
        if deaths and burst.promises >= deaths[0] and each.workers.kill_one():
            deaths.popleft()

    event_id = each.open()
    burst = each.workers.burst(event_id, crowd(3 * plan.coupons), told)
    return _asked_again(each, event_id, wrong, burst)


def _consumer_dies(each: Contestant, wrong: list[str]) -> Outcome:
    """The consumer is killed while it works, and comes back."""
    event_id = each.open()
    killer = threading.Thread(target=each.kill_consumer, args=(event_id,))
    killer.start()
    burst = each.workers.burst(event_id, crowd(3 * each.plan.coupons))
    killer.join()
    return _asked_again(each, event_id, wrong, burst)


def _asked_again(each: Contestant, event_id: str, wrong: list[str], burst: Burst) -> Outcome:
    """Let everything settle, and everybody ask again who was told no."""
    each.behind.mend(event_id, burst.promises)
    again = each.workers.burst(event_id, sorted(burst.no - burst.yes))
    if again.yes:
        each.behind.mend(event_id, burst.promises + again.promises)
    return _closed(each, event_id, wrong, burst, again)


def _closed(each: Contestant, event_id: str, wrong: list[str], *bursts: Burst) -> Outcome:
    """Count what the event came to. Whatever is wrong with firstcome's is wrong with the benchmark."""
    outcome = each.outcome(event_id, *bursts)
    if each.step.ours:
        wrong += [f"{event_id}: {outcome}"] * outcome.wrong
        wrong += wrong_rows(each.bench, event_id, each.plan.coupons)
    return outcome


# --- what is reported ------------------------------------------------------------------------------------------------


def _rows(plan: Plan, rates: dict[str, list[float]], found: dict[str, Found], wrong: list[str]) -> list[Row]:
    data: dict[str, Any] = {
        "plan": asdict(plan),
        "steps": [
            {"number": step.number, "title": step.title, "rate": rates[step.name]} | asdict(found[step.name])
            for step in STEPS
        ],
    }
    what = f"the tutorial's ladder, {plan.coupons} coupons, {plan.requests} requests, {plan.workers} processes"
    note = "what each step gets wrong stands in [ladder.md](ladder.md)"
    p99_ms = {name: each.p99_ms for name, each in found.items()}
    statements = {name: each.statements for name, each in found.items()}
    return [
        Row("ladder", what, "requests/s", rates, wrong=wrong, notes=[note], data=data),
        Row("ladder-p99", f"{what}: p99", "ms", p99_ms),
        Row("ladder-load", f"{what}: the database", "statements a request", statements),
    ]
