"""The steps of the ladder with all their processes, and what is counted in MySQL when a burst is over."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.harness.bench import Bench, mend, view
from benchmarks.harness.functions import environment
from benchmarks.ladder.consumer import Consumer, environ
from benchmarks.ladder.steps import OURS, STEPS, TIMEOUT_MS, Step
from benchmarks.ladder.workers import Burst, Workers, end_server
from dev.cloud import Cloud
from dev.process import wait_until
from firstcome.ledger.connect import mysql_connection
from firstcome.stores import Stores

SETTLED_WITHIN_S = 60.0
CONSUMED_WITHIN_S = 10.0  # its batching window is a second


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


class Contestant:
    """One step with its processes: those that answer people, and, behind its topic, the consumer of a tutorial."""

    def __init__(self, bench: Bench, step: Step, plan: Plan) -> None:
        """Start them; they connect."""
        self.bench, self.step, self.plan = bench, step, plan
        self.found: dict[str, list[Any]] = defaultdict(list)  # round by round, by what it is
        self.wrong: list[str] = []
        self.workers = Workers(STEPS.index(step), plan.coupons, plan.workers, bench.folder / "ladder.log")
        self.consumer = Consumer(bench, step) if step.consume else None
        if self.consumer:
            self.consumer.start()

    def open(self) -> str:
        """Make an event; return its id."""
        event_id = f"ladder-{uuid.uuid4().hex[:12]}"
        self.bench.query("INSERT INTO tutorial_event VALUES (%s, %s)", event_id, self.plan.coupons)
        return event_id

    def settle(self, event_id: str) -> None:  # noqa: ARG002
        """Return when nothing is on its way any more: without a consumer, nothing ever is."""
        if self.consumer:
            self.consumer.finish()

    def mend(self, event_id: str) -> None:
        """Let everything settle: nothing looks for what a process left behind that died."""
        self.settle(event_id)

    def readers(self) -> list[int | None]:
        """Return the ids of the processes that read the stream; killed, they come back by themselves."""
        return [self.consumer.pid] if self.consumer else []

    def close(self) -> None:
        """End all processes of the step."""
        self.workers.close()
        if self.consumer:
            self.consumer.stop()

    def kill_readers(self, event_id: str) -> None:
        """Kill what reads the stream as soon as a quarter of the rows are there, with more of them on their way."""
        count = f"SELECT COUNT(*) FROM {self.step.table} WHERE event_id = %s"
        deadline, rows = time.monotonic() + SETTLED_WITHIN_S, 0
        with mysql_connection(self.bench.settings, TIMEOUT_MS) as connection, connection.cursor() as cursor:
            # Without a pause: the moment after a commit is short.
            while rows < self.plan.coupons // 4 and time.monotonic() < deadline:
                cursor.execute(count, (event_id,))
                [(rows,)] = cursor.fetchall()
        for pid in self.readers():
            if pid is not None:
                os.kill(pid, signal.SIGKILL)

    def outcome(self, event_id: str, *bursts: Burst) -> Outcome:
        """Count the event's rows, and whom of these bursts they miss."""
        found = self.bench.query(f"SELECT user_id FROM {self.step.table} WHERE event_id = %s", event_id)
        people = {user_id for (user_id,) in found}
        promised = set().union(*(burst.yes for burst in bursts))
        rows, coupons = len(found), self.plan.coupons
        over_issued, lost = max(0, rows - coupons), max(0, coupons - rows)
        return Outcome(rows, over_issued, rows - len(people), lost, len(promised - people))


class Ours(Contestant):
    """The last step, with consume and retry of firstcome behind it, in a local cloud that somebody else ends."""

    def __init__(self, bench: Bench, plan: Plan, stores: Stores, cloud: Cloud) -> None:
        """Start its processes that answer people."""
        super().__init__(bench, OURS, plan)
        self._stores, self._cloud = stores, cloud

    def open(self) -> str:
        """Make an event, and open it; return its id."""
        return self.bench.open_event(self._stores, self.plan.coupons, "ladder")

    def settle(self, event_id: str) -> None:
        """Return when every ticket has its row, and the gate knows it."""
        try:
            settled = f"{event_id} is settled"
            wait_until(lambda: not view(self._stores.gate, event_id).pending, settled, timeout_s=CONSUMED_WITHIN_S)
        except TimeoutError:  # a send took too long on a busy machine
            self.mend(event_id)

    def mend(self, event_id: str) -> None:
        """Let the schedule run, until every ticket has its row and the gate knows it."""
        mend(self._cloud, self._stores.gate, event_id)

    def readers(self) -> list[int | None]:
        """Return the ids of the poller and of the environments of consume."""
        return [self._cloud.poller.pid, *self._cloud.environments("consume")]


@contextlib.contextmanager
def contestants(bench: Bench, plan: Plan, stores: Stores, cloud: Cloud) -> Iterator[list[Contestant]]:
    """Have the processes of all steps running, and connected; end them. `cloud` has the functions of firstcome."""
    with contextlib.ExitStack() as ending, environment(bench, "ladder"):
        os.environ.update(environ(bench))  # of the server that forks them
        ending.callback(end_server)
        running: list[Contestant] = []
        for step in STEPS:
            bench.say(f"starting {step.name}")
            running.append(Ours(bench, plan, stores, cloud) if step is OURS else Contestant(bench, step, plan))
            ending.callback(running[-1].close)
        for each in running:  # each process answers a winner once, so that it is connected to everything
            event_id = each.open()
            each.workers.burst(event_id, [f"rehearsal-{number}" for number in range(plan.workers)])
            each.settle(event_id)
        yield running


def statements(connection: Any) -> int:
    """Return how many statements the database has counted."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Questions'")
        [(_, count)] = cursor.fetchall()
    return int(count)
