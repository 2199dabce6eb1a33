"""One step of the ladder with all its processes, and what is counted in MySQL when a burst is over."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.behind import SETTLED_WITHIN_S, Consumer, Functions, Nothing
from benchmarks.burst import Nursery, Workers
from benchmarks.strategies import STEPS
from benchmarks.strategies.tables import TIMEOUT_MS
from dev.cloud import ROOT
from firstcome.ledger.connect import mysql_connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.behind import Behind
    from benchmarks.bench import Bench
    from benchmarks.burst import Burst
    from benchmarks.strategies import Step
    from dev.cloud import Cloud
    from firstcome.stores import Stores


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything. Of ten requests nine are of one person each, and the tenth is the greedy one's."""

    coupons: int
    requests: int  # of a round without a fault
    rounds: int
    kills: int  # rounds in which processes die that answer people
    consumer_kills: int  # rounds in which the consumer dies
    workers: int  # processes that answer people


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one event came to."""

    rows: int
    over_issued: int  # rows above the number of coupons
    second: int  # rows of people who have one already
    lost: int  # coupons that nobody has, though more people asked than there are
    unkept: int  # people who were told yes, and have no row

    @property
    def wrong(self) -> bool:
        """Whether anything is."""
        return bool(self.over_issued or self.second or self.lost or self.unkept)


@dataclass(frozen=True, slots=True)
class Contestant:
    """One step: who answers people, and what stands behind."""

    bench: Bench
    step: Step
    plan: Plan
    workers: Workers
    behind: Behind

    def open(self) -> str:
        """Make an event; return its id."""
        return self.behind.open(self.plan.coupons)

    def kill_consumer(self, event_id: str) -> None:
        """Kill what reads the stream as soon as a quarter of the rows are there, with more of them on their way."""
        count = f"SELECT COUNT(*) FROM {self.step.table} WHERE event_id = %s"
        deadline = time.monotonic() + SETTLED_WITHIN_S
        with mysql_connection(self.bench.settings, TIMEOUT_MS) as connection, connection.cursor() as cursor:
            while time.monotonic() < deadline:  # without a pause: the moment after a commit is short
                cursor.execute(count, (event_id,))
                if cursor.fetchone()[0] >= self.plan.coupons // 4:
                    break
        self.behind.kill()

    def outcome(self, event_id: str, *bursts: Burst) -> Outcome:
        """Count the event's rows, and whom of these bursts they miss."""
        found = self.bench.query(f"SELECT user_id FROM {self.step.table} WHERE event_id = %s", event_id)
        people = {user_id for (user_id,) in found}
        promised = set().union(*(burst.yes for burst in bursts))
        return Outcome(
            rows=len(found),
            over_issued=max(0, len(found) - self.plan.coupons),
            second=len(found) - len(people),
            lost=max(0, self.plan.coupons - len(found)),
            unkept=len(promised - people),
        )


@contextlib.contextmanager
def contestants(bench: Bench, plan: Plan, stores: Stores, cloud: Cloud) -> Iterator[list[Contestant]]:
    """Have the processes of all steps running, and connected; end them. `cloud` has the functions of firstcome."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "layers" / "common" / "python"), **bench.environ}
    with contextlib.ExitStack() as ending:
        nursery = ending.enter_context(Nursery(environ, bench.folder / "ladder.log"))
        running: list[Contestant] = []
        for step in STEPS:
            bench.say(f"starting {step.name}")
            behind: Behind = Nothing(bench)
            if step.ours:
                behind = Functions(bench, stores, cloud)
            elif step.topic:
                log = bench.folder / f"ladder-{step.module}.log"
                behind = Consumer(bench, step.module, step.topic, environ, log)
            ending.callback(behind.close)
            workers = Workers(nursery, step.module, plan.coupons, plan.workers)
            ending.callback(workers.close)
            running.append(Contestant(bench, step, plan, workers, behind))
        for each in running:
            each.workers.wait_ready()
        rehearsals = [each.open() for each in running]
        for each, event_id in zip(running, rehearsals, strict=True):
            each.workers.rehearse(event_id)
        for each, event_id in zip(running, rehearsals, strict=True):
            each.behind.settle(event_id, plan.workers)
        yield running


class Load:
    """What the database has done, by its own counters."""

    COUNTERS = "SHOW GLOBAL STATUS WHERE Variable_name = 'Questions' OR Variable_name LIKE 'Handler_read_%'"

    def __init__(self, connection: Any) -> None:
        """Count over `connection`, which nobody else uses."""
        self._connection = connection
        self._last = self._read()
        self._looking = (0, 0)
        self._looking = self.stop()

    def start(self) -> None:
        """Count from now on."""
        self._last = self._read()

    def stop(self) -> tuple[int, int]:
        """Return how many statements and rows read since then; looking is not among them."""
        statements, rows = (
            now - before - looking for now, before, looking in zip(self._read(), self._last, self._looking, strict=True)
        )
        return statements, rows

    def _read(self) -> tuple[int, int]:
        with self._connection.cursor() as cursor:
            cursor.execute(self.COUNTERS)
            found = {name: int(value) for name, value in cursor.fetchall()}
        return found.pop("Questions"), sum(found.values())
