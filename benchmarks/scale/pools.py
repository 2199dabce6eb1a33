"""What a request passes in simulated time: environments, servers, and the buckets of tokens that AWS meters with."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import simpy

from benchmarks.scale.planning import MAX_BLOCK_S
from firstcome.settings import Settings

Steps = Generator[simpy.Event, Any, Any]

SEED = 6  # every run of the same opening is the same
BREAKER_S = Settings().kafka_breaker_ms / 1000  # for so long after a try to connect, an environment makes no other


@dataclass(slots=True, eq=False)
class Group:
    """Environments that have lived the same life so far."""

    count: int = 1
    sold_out_until: float = 0.0  # what it remembers
    connected: bool = False  # to the brokers
    broken_until: float = 0.0  # no try to connect before
    busy_since: float = 0.0

    def take(self, count: int) -> Group:
        """Part with some of them."""
        self.count -= count
        return replace(self, count=count)

    def life(self, now: float) -> tuple[bool, float, float]:
        """Return what makes it different from others."""
        return self.connected, max(self.sold_out_until, now), max(self.broken_until, now)


def count(groups: Iterable[Group]) -> int:
    """Return how many environments these are."""
    return sum(group.count for group in groups)


def parted(groups: Iterable[Group], first: int) -> tuple[list[Group], list[Group]]:
    """Part the first so many environments from the others."""
    ours, theirs = [], []
    for group in groups:
        if 0 < first < group.count:
            ours.append(group.take(first))
            first = 0
        if first:
            ours.append(group)
            first -= group.count
        else:
            theirs.append(group)
    return ours, theirs


def billed_s(busy_s: float) -> float:
    """Return what Lambda bills for a call: it rounds up to a millisecond."""
    return ceil(busy_s * 1000 - 1e-6) / 1000


class Server:
    """Cores that do jobs in the order in which they come, each job on one core."""

    def __init__(self, env: simpy.Environment, cores: int = 1) -> None:
        self.busy_s = 0.0  # of all cores
        self._env, self._cores = env, cores
        self._free_at = 0.0  # when it has worked off what has come

    def work(self, jobs: float, each_s: float) -> simpy.Event:
        """Return an event that comes when so many jobs are done, which share its cores evenly."""
        begins = max(self._env.now, self._free_at)
        self.busy_s += jobs * each_s
        self._free_at = begins + jobs * each_s / self._cores
        ends = max(self._free_at, begins + min(1.0, jobs) * each_s)
        return self._env.timeout(ends - self._env.now)


class Bucket:
    """Tokens that come at a rate, and are kept up to a number. Fewer than `crumb` are not given to who wants more."""

    def __init__(self, env: simpy.Environment, per_s: float, at_most: float, crumb: int = 1) -> None:
        self._env, self._per_s, self._at_most, self._crumb = env, per_s, at_most, crumb
        self._tokens, self._since = at_most, env.now

    def has(self) -> int:
        """Return how many tokens there are."""
        now = self._env.now
        self._tokens = min(self._at_most, self._tokens + (now - self._since) * self._per_s)
        self._since = now
        return int(self._tokens + 1e-9)

    def take(self, wanted: int) -> int:
        """Take so many tokens, or as many as there are; return how many."""
        taken = min(wanted, self.has())
        if taken < min(wanted, self._crumb):
            return 0
        self._tokens -= taken
        return taken


class LambdaPool:
    """Lambda's environments: new ones start cold, at a limited rate; who finds no room is refused.

    Which of the idle ones comes next AWS does not say. Here it is the one that was idle for longest, so that all of
    them come to need connections. Packets do not crumble: a room for fewer than `crumb` is none.
    """

    def __init__(
        self, env: simpy.Environment, *, at_most: int, provisioned: int = 0, starts: Bucket | None = None,
        requests: Bucket | None = None, cold_s: float = 0.0, crumb: int = 1,
    ) -> None:  # fmt: skip
        self._env, self._at_most, self._cold_s, self._crumb = env, at_most, cold_s, crumb
        unlimited = Bucket(env, 0, float(2**62))
        self._starts, self._requests = starts or unlimited, requests or unlimited
        self.environments = self._free = provisioned
        self.billed_s = 0.0  # from call to answer, in whole milliseconds each
        self._idle = deque([Group(provisioned)] if provisioned else [])

    def acquire(self, wanted: int) -> Steps:
        """Return groups of so many environments, or of as many as the limits allow at this moment."""
        granted = min(wanted, min(self._at_most - self.environments, self._starts.has()) + self._free)
        if granted < min(wanted, self._crumb):
            return []
        granted = self._requests.take(granted)
        groups, began = self._warm(granted), self._env.now
        if cold := granted - count(groups):
            self.environments += cold
            self._starts.take(cold)
            if self._cold_s:
                yield self._env.timeout(self._cold_s)
            groups.append(Group(cold))
        for group in groups:
            group.busy_since = began
        return groups

    def _warm(self, wanted: int) -> list[Group]:
        groups = []
        while wanted and self._idle:
            first = self._idle.popleft()
            if first.count > wanted:
                self._idle.appendleft(first)
                first = first.take(wanted)
            groups.append(first)
            self._free -= first.count
            wanted -= first.count
        return groups

    def release(self, groups: Iterable[Group]) -> None:
        """Have them back; those that have become alike are kept as one group."""
        for group in groups:
            self.billed_s += group.count * billed_s(self._env.now - group.busy_since)
            self._free += group.count
            if self._idle and self._idle[-1].life(self._env.now) == group.life(self._env.now):
                self._idle[-1].count += group.count
            else:
                self._idle.append(group)


class Connecting:
    """The brokers' limits for connections. An environment makes its own when its first winner comes."""

    def __init__(self, env: simpy.Environment, *, per_s: float, at_most: float, per_environment: float) -> None:
        self._env = env
        self._each_s = per_environment / per_s
        self._left = at_most / per_environment  # environments
        self._free_at = 0.0  # when the brokers have worked off who came before

    def parts(self, groups: list[Group]) -> Iterator[tuple[list[Group], float, bool]]:
        """Yield the environments of some winners by how they fare: how long each waits, and whether it can send."""
        now = self._env.now
        new = [group for group in groups if not group.connected and group.broken_until <= now]
        yield [group for group in groups if group.connected], 0.0, True
        yield [group for group in groups if not group.connected and group.broken_until > now], 0.0, False
        if not new:
            return
        begins_s = max(0.0, self._free_at - now)
        able = max(0, min(count(new), int((MAX_BLOCK_S - begins_s) / self._each_s), int(self._left)))
        connecting, cut = parted(new, able)
        ends_s = begins_s + able * self._each_s
        if able:
            self._free_at, self._left = now + ends_s, self._left - able
        for group in connecting:
            group.connected = True
        for group in cut:
            group.broken_until = now + MAX_BLOCK_S + BREAKER_S
        yield connecting, (begins_s + ends_s) / 2, True
        yield cut, MAX_BLOCK_S, False
