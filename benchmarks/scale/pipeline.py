"""The whole pipeline in simulated time: environments, gate, stream, pollers, ledger.

A packet is some people who ask at the same instant. Each takes an environment of its own, and together they take the
gate, the brokers and the ledger for as long as they would one by one. Packets of one simulate every request; larger
ones make a crowd of ten millions possible, and blur what is shorter than a packet takes at the gate. What the stations
are is said by worlds.py.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy
from simpy import AllOf

from benchmarks.scale.limits import FALSE_POSITIVES
from benchmarks.scale.pools import SEED, Connecting, Group, LambdaPool, Server, count, parted
from benchmarks.scale.stream import Polling, Stream
from benchmarks.scale.times import Times
from firstcome.settings import Settings

Steps = Generator[simpy.Event, Any, Any]

_SETTINGS = Settings()  # their defaults
MEMORY_S = _SETTINGS.sold_out_memory_ms / 1000
OVERDUE_S = _SETTINGS.sweep_overdue_ms / 1000
SWEEP_BATCH = _SETTINGS.sweep_batch
SWEEP_EVERY_S = 60.0  # the schedule of retry


@dataclass(slots=True)
class Seen:
    """What came of it. Each list has (seconds, how many): of requests, of answers, and of rows."""

    first: list[tuple[float, int]] = field(default_factory=list)  # of people who had not asked before
    again: list[tuple[float, int]] = field(default_factory=list)
    looks: int = 0  # at the event, answered by a cache
    answers: list[tuple[float, int]] = field(default_factory=list)
    accepted: list[tuple[float, int]] = field(default_factory=list)
    rows: list[tuple[float, int]] = field(default_factory=list)
    words: Counter[str] = field(default_factory=Counter)

    @property
    def asked(self) -> list[tuple[float, int]]:
        """All requests."""
        return [*self.first, *self.again]

    def answer(self, now: float, word: str, people: int) -> None:
        """Note that so many people have had this answer."""
        self.answers.append((now, people))
        self.words[word] += people


@dataclass(slots=True)
class Pipeline:
    """One event, from the crowd to its rows."""

    env: simpy.Environment
    times: Times
    coupons: int
    pool: LambdaPool
    gate: Server
    broker: Server
    consumers: LambdaPool
    ledger: Server
    polling: Polling
    memory: bool = False  # environments remember that it is sold out
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
        groups = yield from self.pool.acquire(people)
        now, served = self.env.now, count(groups)
        knowing = [group for group in groups if self.memory and group.sold_out_until > now]
        asking = [group for group in groups if group not in knowing]
        if knowing:
            mistaken, knowing = parted(knowing, int(FALSE_POSITIVES * count(knowing) + self.chance.random()))
            asking += mistaken
        flows = [flow(some) for flow, some in ((self._remember, knowing), (self._ask, asking)) if some]
        yield from self._together(flows)
        return people - served

    def _remember(self, groups: list[Group]) -> Steps:
        yield self.env.timeout(self.times.remembered_s)
        self._answer(groups, "sold_out")

    def _ask(self, groups: list[Group]) -> Steps:
        times, asked, people = self.times, self.env.now, count(groups)
        yield self.env.timeout(times.lost_s / 2)
        left = self.coupons - self.handed_out
        won = min(people, left)
        self.handed_out += won  # in the order in which they come to the gate, which serves them in this order
        if won == left and self.sold_out_at is None:
            self.sold_out_at = self.env.now
        each_s = (won * times.gate_won_s + (people - won) * times.gate_lost_s) / people
        yield self.gate.work(people, each_s)
        yield self.env.timeout(times.hop_s + times.lost_s / 2)
        winning, losing = parted(groups, won)
        for group in losing:
            group.sold_out_until = asked + MEMORY_S
        self._answer(losing, "sold_out")
        flows = []
        for some, wait_s, able in self.connecting.parts(winning) if self.connecting else [(winning, 0.0, True)]:
            if some:
                flows.append(self._send(some, wait_s, able=able))
        yield from self._together(flows)

    def _send(self, groups: list[Group], wait_s: float, *, able: bool) -> Steps:
        """See the winners' records off, after they have waited to be connected."""
        times, won = self.times, count(groups)
        if wait_s:
            yield self.env.timeout(wait_s)
        if able:
            # What a winner costs the environment beside what a loser does.
            yield self.env.timeout((times.won_s - times.lost_s) / 2)
            yield self.broker.work(won, times.produce_s)
            yield self.env.timeout(times.send_s + (times.won_s - times.lost_s) / 2)
            self.stream.put(won)
        else:
            self.reserved.append((self.env.now, won))
        self.seen.accepted.append((self.env.now, won))
        self._answer(groups, "accepted" if able else "reserved")

    def _answer(self, groups: list[Group], word: str) -> None:
        people = count(groups)
        self.pool.release(groups)
        if people:
            self.seen.answer(self.env.now, word, people)

    def _together(self, flows: list[Steps]) -> Steps:
        if len(flows) == 1:
            yield from flows[0]
        elif flows:
            yield AllOf(self.env, [self.env.process(flow) for flow in flows])

    # --- consume -------------------------------------------------------------------------------------------------

    def poll(self) -> Steps:
        """Carry the records into the ledger, batch by batch."""
        while True:
            batch = yield from self.stream.gather(self.polling)
            yield self.broker.work(batch, self.times.fetch_s)
            yield from self.issue(batch, self.polling.group)
            self.stream.commit(batch)

    def issue(self, rows: int, batches: int = 1) -> Steps:
        """Have `batches` environments write the rows into the ledger and settle them."""
        times = self.times
        groups = yield from self.consumers.acquire(batches)
        each_s = rows / batches * times.consume_s
        yield self.env.timeout(each_s / 2)
        yield self.ledger.work(batches, rows / batches * times.ledger_s)
        yield self.env.timeout(times.commit_s)
        self.seen.rows.append((self.env.now, rows))
        self.seen.words["row"] += rows
        yield self.gate.work(rows, times.settle_s)
        yield self.env.timeout(times.hop_s + each_s / 2)
        self.consumers.release(groups)

    def sweep(self) -> Steps:
        """Every minute, issue what was only reserved, batch by batch, once the stream is read."""
        while True:
            yield self.env.timeout(SWEEP_EVERY_S)
            overdue = 0
            while self.reserved and self.reserved[0][0] + OVERDUE_S <= self.env.now and not self.stream.unread:
                overdue += self.reserved.popleft()[1]
            while overdue:
                rows = min(overdue, SWEEP_BATCH)
                overdue -= rows
                yield from self.issue(rows)
