"""The whole pipeline in simulated time: front, environments, gate, stream, pollers, ledger.

A packet is some people who ask at the same instant. Each takes an environment of its own, and together they take the
gate, the brokers and the ledger for as long as they would one by one. Packets of one simulate every request; larger
ones make a crowd of a billion possible, and blur what is shorter than a packet takes at the gate. What the stations
are, and what they run on, is the world's business (worlds.py).
"""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simpy import AllOf

from benchmarks.scale.limits import FALSE_POSITIVES
from benchmarks.scale.machine import SEED
from benchmarks.scale.pools import Group, count, parted
from benchmarks.scale.stream import Stream
from firstcome.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    import simpy

    from benchmarks.scale.machine import Process
    from benchmarks.scale.pools import Connecting, LambdaPool, LocalPool
    from benchmarks.scale.stream import Log, Polling
    from benchmarks.scale.times import Times

    Steps = Generator[simpy.Event, Any, Any]

_SETTINGS = Settings()  # their defaults
MEMORY_S = _SETTINGS.sold_out_memory_ms / 1000
OVERDUE_S = _SETTINGS.sweep_overdue_ms / 1000
SWEEP_BATCH = _SETTINGS.sweep_batch
SWEEP_EVERY_S = 60.0  # the schedule of retry


@dataclass(slots=True)
class Seen:
    """What came of it. Each list has (seconds, how many): of answers, and of rows."""

    answers: list[tuple[float, int]] = field(default_factory=list)
    accepted: list[tuple[float, int]] = field(default_factory=list)
    rows: list[tuple[float, int]] = field(default_factory=list)
    took: list[tuple[float, int]] = field(default_factory=list)  # (seconds that an answer took, how many)
    words: Counter[str] = field(default_factory=Counter)

    def answer(self, now: float, took_s: float, word: str, people: int) -> None:
        """Note that so many people have had this answer."""
        self.answers.append((now, people))
        self.took.append((took_s, people))
        self.words[word] += people

    def percentile_s(self, share: float) -> float:
        """Return the time that `share` of the answers stayed below."""
        left = share * sum(people for _, people in self.took)
        for took_s, people in sorted(self.took):
            left -= people
            if left <= 0:
                return took_s
        return 0.0


@dataclass(slots=True)
class Pipeline:
    """One event, from the crowd to its rows."""

    env: simpy.Environment
    times: Times
    coupons: int
    front: Process
    pool: LocalPool | LambdaPool
    gate: Process
    broker: Process
    consumers: LocalPool | LambdaPool
    ledger: Process
    polling: Polling
    memory: bool = False  # environments remember that it is sold out
    shards: int = 1  # sub-pools of tickets, each with a gate of its own, people spread evenly
    connecting: Connecting | None = None  # None: connections cost nothing
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    seen: Seen = field(default_factory=Seen)
    handed_out: int = 0
    sold_out_at: float | None = None  # when the last ticket went
    stream: Stream = field(init=False)
    reserved: deque[tuple[float, int]] = field(default_factory=deque)  # (since, how many): left to the sweep

    def __post_init__(self) -> None:
        """Prepare the stream."""
        self.stream = Stream(self.env)

    @property
    def issued(self) -> int:
        """Rows that are there."""
        return self.seen.words["row"]

    # --- apply ---------------------------------------------------------------------------------------------------

    def apply(self, people: int) -> Steps:
        """Let a packet ask, until all have their answer; return how many were refused for want of room."""
        began = self.env.now
        if self.times.front_s:
            yield serve(self.front, people, self.times.front_s / 2)
        groups = yield from self.pool.acquire(people)
        now, served = self.env.now, count(groups)
        knowing = [group for group in groups if self.memory and group.sold_out_until > now]
        asking = [group for group in groups if group not in knowing]
        if knowing:
            mistaken, knowing = parted(knowing, int(FALSE_POSITIVES * count(knowing) + self.chance.random()))
            asking += mistaken
        flows = [flow(some, began) for flow, some in ((self._remember, knowing), (self._ask, asking)) if some]
        yield from self._together(flows)
        return people - served

    def _remember(self, groups: list[Group], began: float) -> Steps:
        yield work(self.env, groups, self.times.remembered_s)
        yield from self._answer(groups, began, "sold_out")

    def _ask(self, groups: list[Group], began: float) -> Steps:
        times, asked, people = self.times, self.env.now, count(groups)
        yield work(self.env, groups, times.lost_s / 2)
        left = self.coupons - self.handed_out
        won = min(people, left)
        self.handed_out += won  # in the order in which they come to the gate, which serves them in this order
        if won == left and self.sold_out_at is None:
            self.sold_out_at = self.env.now
        each_s = (won * times.gate_won_s + (people - won) * times.gate_lost_s) / people / self.shards
        yield serve(self.gate, people, each_s)
        if times.hop_s:
            yield self.env.timeout(times.hop_s)
        yield work(self.env, groups, times.lost_s / 2)
        winning, losing = parted(groups, won)
        for group in losing:
            group.sold_out_until = asked + MEMORY_S
        flows = [self._answer(losing, began, "sold_out")] if losing else []
        for some, wait_s, able in self.connecting.parts(winning) if self.connecting else [(winning, 0.0, True)]:
            if some:
                flows.append(self._send(some, began, wait_s, able=able))
        yield from self._together(flows)

    def _send(self, groups: list[Group], began: float, wait_s: float, *, able: bool) -> Steps:
        """See the winners' records off, after they have waited to be connected."""
        times, won = self.times, count(groups)
        if wait_s:
            yield self.env.timeout(wait_s)
        if able:
            # What a winner costs the environment beside what a loser does.
            yield work(self.env, groups, (times.won_s - times.lost_s) / 2)
            yield serve(self.broker, won, times.produce_s)
            if times.send_s:
                yield self.env.timeout(times.send_s)
            yield work(self.env, groups, (times.won_s - times.lost_s) / 2)
            self.stream.put(won)
        else:
            self.reserved.append((self.env.now, won))
        self.seen.accepted.append((self.env.now, won))
        yield from self._answer(groups, began, "accepted" if able else "reserved")

    def _answer(self, groups: list[Group], began: float, word: str) -> Steps:
        people = count(groups)
        self.pool.release(groups)
        if self.times.front_s:
            yield serve(self.front, people, self.times.front_s / 2)
        self.seen.answer(self.env.now, self.env.now - began, word, people)

    def _together(self, flows: list[Steps]) -> Steps:
        if len(flows) == 1:
            yield from flows[0]
        elif flows:
            yield AllOf(self.env, [self.env.process(flow) for flow in flows])

    # --- consume -------------------------------------------------------------------------------------------------

    def add_poller(self, process: Process) -> None:
        """Have one more poller, which carries its share of the records into the ledger, batch by batch."""
        self.env.process(self._poll(self.stream.log(), process))

    def _poll(self, log: Log, process: Process) -> Steps:
        while True:
            batch = yield from self._gather(log)
            yield serve(process, batch, self.times.poll_s)
            yield from self.issue(batch, self.polling.group)
            log.gathered -= batch

    def _gather(self, log: Log) -> Steps:
        """Return a batch: full, or as large as it was when the window closed."""
        full = self.polling.batch * self.polling.group
        batch, closes = 0, 0.0
        while batch < full and not (batch and self.env.now >= closes):
            if not log.fetched:
                yield from self._fetch(log, closes if batch else self.env.now + self.polling.fetch_wait_s)
            got = min(log.fetched, full - batch)
            log.fetched -= got
            log.gathered += got
            if got and not batch:
                closes = self.env.now + self.polling.window_s
            batch += got
        return batch

    def _fetch(self, log: Log, until: float) -> Steps:
        """Wait for enough records, or some for long enough, and take all that are there."""
        enough = self.polling.fetch_min * self.polling.group
        if log.ready < enough:
            asked = log.asked if log.asked > self.env.now else self.env.now + self.polling.fetch_wait_s
            log.asked = asked  # the broker answers then, whoever waits for it
            yield log.at_least(enough) | self.env.timeout(max(0.0, min(asked, until) - self.env.now))
            if log.ready < enough and self.env.now < asked:
                return
        log.asked = 0.0
        if log.ready:
            log.fetched, log.ready = log.ready, 0
            yield serve(self.broker, log.fetched, self.times.fetch_s)

    def issue(self, rows: int, batches: int = 1) -> Steps:
        """Have `batches` environments write the rows into the ledger and settle them."""
        times = self.times
        groups = yield from self.consumers.acquire(batches)
        each_s = rows / batches * times.consume_s
        yield work(self.env, groups, each_s / 2)
        yield serve(self.ledger, batches, rows / batches * times.ledger_s)
        yield self.env.timeout(times.commit_s)
        self.seen.rows.append((self.env.now, rows))
        self.seen.words["row"] += rows
        yield serve(self.gate, rows, times.settle_s / self.shards)
        yield self.env.timeout(times.hop_s)
        yield work(self.env, groups, each_s / 2)
        self.consumers.release(groups)

    def sweep(self, retries: int = 1) -> Steps:
        """Every minute, issue what was only reserved, batch by batch, once the stream is read."""
        batch = SWEEP_BATCH * retries
        while True:
            yield self.env.timeout(SWEEP_EVERY_S)
            overdue = 0
            while self.reserved and self.reserved[0][0] + OVERDUE_S <= self.env.now and not self.stream.unread:
                overdue += self.reserved.popleft()[1]
            while overdue:
                rows = min(overdue, batch)
                overdue -= rows
                yield from self.issue(rows, retries)


def work(env: simpy.Environment, groups: list[Group], seconds: float) -> simpy.Event:
    """Let each environment work on its own request."""
    shared = [group.process.work(seconds) for group in groups if group.process is not None]
    if not shared:
        return env.timeout(seconds)
    return shared[0] if len(shared) == 1 else AllOf(env, shared)


def serve(process: Process, jobs: float, each_s: float) -> simpy.Event:
    """Let a server do so many of the same, by as many threads as it has."""
    parts = int(min(jobs, process.threads))
    if parts <= 1:
        return process.work(jobs * each_s, jobs)
    share = jobs / parts
    return AllOf(process.machine.env, [process.work(share * each_s, share) for _ in range(parts)])
