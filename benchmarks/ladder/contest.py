"""The steps of the ladder with all their processes, and what is counted in MySQL when a burst is over."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.harness.bench import Bench, view
from benchmarks.ladder.steps import OURS, STEPS, TIMEOUT_MS, Step
from benchmarks.ladder.workers import Burst, Nursery, Workers
from dev.child import Child
from dev.cloud import ROOT, Cloud
from dev.process import wait_until
from firstcome.ledger.connect import mysql_connection
from firstcome.stores import Stores
from firstcome.stream.reader import StreamReader
from firstcome.stream.topic import ensure_topic

SETTLED_WITHIN_S = 60.0
CONSUMED_WITHIN_S = 10.0  # its batching window is a second
# A record that is still in the memory of a process which nobody asks any more is sent within milliseconds.
QUIET_S = 0.5


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


class Contestant:
    """One step, whose processes do all of it while a person waits."""

    def __init__(self, bench: Bench, step: Step, plan: Plan, workers: Workers) -> None:
        self.bench, self.step, self.plan, self.workers = bench, step, plan, workers

    def open(self) -> str:
        """Make an event; return its id."""
        event_id = f"ladder-{uuid.uuid4().hex[:12]}"
        self.bench.query("INSERT INTO tutorial_event VALUES (%s, %s)", event_id, self.plan.coupons)
        return event_id

    def settle(self, event_id: str) -> None:
        """Return when nothing is on its way any more: here, nothing ever is."""

    def mend(self, event_id: str) -> None:
        """Let everything settle: nothing looks for what a process left behind that died."""
        self.settle(event_id)

    def readers(self) -> list[int | None]:
        """Return the ids of the processes that read the stream; killed, they come back by themselves."""
        return []

    def close(self) -> None:
        """End all processes of the step."""
        self.workers.close()

    def kill_readers(self, event_id: str) -> None:
        """Kill what reads the stream as soon as a quarter of the rows are there, with more of them on their way."""
        count = f"SELECT COUNT(*) FROM {self.step.table} WHERE event_id = %s"
        deadline = time.monotonic() + SETTLED_WITHIN_S
        with mysql_connection(self.bench.settings, TIMEOUT_MS) as connection, connection.cursor() as cursor:
            while time.monotonic() < deadline:  # without a pause: the moment after a commit is short
                cursor.execute(count, (event_id,))
                [(rows,)] = cursor.fetchall()
                if rows >= self.plan.coupons // 4:
                    break
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


class WithConsumer(Contestant):
    """One step with the consumer of a tutorial behind it."""

    def __init__(self, bench: Bench, step: Step, plan: Plan, workers: Workers, environ: Mapping[str, str]) -> None:
        super().__init__(bench, step, plan, workers)
        ensure_topic(replace(bench.settings, kafka_topic=step.topic), partitions=1, replication=1)
        command = [sys.executable, "-m", "benchmarks.ladder.processes", "consume", str(STEPS.index(step))]
        self._child = Child("consumer", command, log=bench.folder / f"{step.topic}.log", env=environ, cwd=ROOT)
        self._child.start()
        self._reader = StreamReader(replace(bench.settings, kafka_topic=step.topic, kafka_group=step.topic))

    def settle(self, event_id: str) -> None:  # noqa: ARG002
        """Return when all records have been read, those too that are only sent in a moment."""
        for quiet_s in (QUIET_S, 0):
            wait_until(self._reader.caught_up, f"{self.step.topic} is read", timeout_s=SETTLED_WITHIN_S)
            time.sleep(quiet_s)

    def readers(self) -> list[int | None]:
        """Return the consumer's id."""
        return [self._child.pid]

    def close(self) -> None:
        """End all processes of the step."""
        super().close()
        self._child.stop()


class Ours(Contestant):
    """The last step, with consume and retry of firstcome behind it, in a local cloud that somebody else ends."""

    def __init__(self, bench: Bench, plan: Plan, workers: Workers, stores: Stores, cloud: Cloud) -> None:
        super().__init__(bench, OURS, plan, workers)
        self._stores, self._cloud = stores, cloud

    def open(self) -> str:
        """Make an event, and open it; return its id."""
        return self.bench.open_event(self._stores, self.plan.coupons, "ladder")

    def settle(self, event_id: str) -> None:
        """Return when every ticket has its row, and the gate knows it."""
        try:
            wait_until(lambda: self._whole(event_id), f"{event_id} is settled", timeout_s=CONSUMED_WITHIN_S)
        except TimeoutError:  # a send took too long on a busy machine
            self.mend(event_id)

    def mend(self, event_id: str) -> None:
        """Let the schedule run, until every ticket has its row and the gate knows it."""

        def whole() -> bool:
            self._cloud.invoke("retry", {})
            return self._whole(event_id)

        wait_until(whole, f"{event_id} is mended", timeout_s=SETTLED_WITHIN_S)

    def readers(self) -> list[int | None]:
        """Return the ids of the poller and of the environments of consume."""
        return [self._cloud.poller.pid, *self._cloud.environments("consume")]

    def _whole(self, event_id: str) -> bool:
        return not view(self._stores.gate, event_id).pending


@contextlib.contextmanager
def contestants(bench: Bench, plan: Plan, stores: Stores, cloud: Cloud) -> Iterator[list[Contestant]]:
    """Have the processes of all steps running, and connected; end them. `cloud` has the functions of firstcome."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "layers" / "common" / "python"), **bench.environ}
    with contextlib.ExitStack() as ending:
        nursery = ending.enter_context(Nursery(environ, bench.folder / "ladder.log"))
        running: list[Contestant] = []
        for number, step in enumerate(STEPS):
            bench.say(f"starting {step.name}")
            workers = Workers(nursery, number, plan.coupons, plan.workers)
            if step is OURS:
                each: Contestant = Ours(bench, plan, workers, stores, cloud)
            elif step.topic:
                each = WithConsumer(bench, step, plan, workers, environ)
            else:
                each = Contestant(bench, step, plan, workers)
            ending.callback(each.close)
            running.append(each)
        for each in running:  # each process answers a winner once, so that it is connected to everything
            event_id = each.open()
            each.workers.burst(event_id, [f"rehearsal-{number}" for number in range(plan.workers)])
            each.settle(event_id)
        yield running


class Counters:
    """What the database has done, by its own counters."""

    SQL = "SHOW GLOBAL STATUS WHERE Variable_name = 'Questions' OR Variable_name LIKE 'Handler_read_%'"

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
            cursor.execute(self.SQL)
            found = {name: int(value) for name, value in cursor.fetchall()}
        return found.pop("Questions"), sum(found.values())
