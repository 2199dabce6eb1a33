"""A machine in simulated time: processes that share its cores as Linux shares them.

Of those that have something to do, the one that has had the least goes next, and keeps its core until it has nothing
left to do, or for a slice.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING, Any

import simpy

if TYPE_CHECKING:
    import random
    from collections.abc import Generator

# Linux's base slice on two cores; nearly every job here is shorter.
SLICE_S = 0.0028
SEED = 6  # every run of the same world is the same


class Machine:
    """Some cores. With a slice of `inf`, every job is done in one piece: what a server of its own comes to.

    `chance` draws how long a job takes from the exponential distribution; without it, each takes the mean.
    """

    def __init__(
        self, env: simpy.Environment, cores: int, slice_s: float = SLICE_S, *, chance: random.Random | None = None
    ) -> None:
        self.env, self.slice_s = env, slice_s
        self.cores = simpy.PriorityResource(env, cores)
        self.busy_s = 0.0  # of all cores
        self.least_s = 0.0  # what those that have something to do have had
        self._chance = chance

    def process(self, threads: int = 1, *, first: bool = False) -> Process:
        """Return a process that uses so many cores at the same time at most; `first`: before all others."""
        return Process(self, threads, first=first)

    def lasting(self, seconds: float, jobs: float) -> float:
        """Return how long so many jobs take that together take `seconds` on average."""
        if self._chance is None or not seconds:
            return seconds
        return self._chance.gammavariate(jobs, seconds / jobs)


class Process:
    """Jobs, done in the order in which they came."""

    def __init__(self, machine: Machine, threads: int, *, first: bool = False) -> None:
        self.machine, self.threads = machine, threads
        self.had_s = 0.0
        self._first = first
        self._jobs: deque[tuple[float, simpy.Event]] = deque()  # seconds of a core, and what says that they are over
        self._awake = 0  # threads that have a core, or wait for one

    def work(self, seconds: float, jobs: float = 1) -> simpy.Event:
        """Return an event that comes when this many jobs, of `seconds` of a core together, are done one by one."""
        machine, done = self.machine, self.machine.env.event()
        self._jobs.append((machine.lasting(seconds, jobs), done))
        if self._awake < self.threads:
            if not self._awake and not self._first:  # sleep is not saved up
                self.had_s = max(self.had_s, machine.least_s)
            self._awake += 1
            machine.env.process(self._thread())
        return done

    def _thread(self) -> Generator[simpy.Event, Any, None]:
        """Work until nothing is left, a slice at a time."""
        machine = self.machine
        while self._jobs:
            with machine.cores.request(self.had_s) as turn:
                yield turn
                machine.least_s = max(machine.least_s, turn.priority)
                left_s = machine.slice_s
                while self._jobs and left_s > 0:
                    seconds, done = self._jobs.popleft()
                    time_s = min(seconds, left_s)
                    yield machine.env.timeout(time_s)
                    left_s -= time_s
                    machine.busy_s += time_s
                    if not self._first:
                        self.had_s += time_s / self.threads
                    if time_s < seconds:
                        self._jobs.appendleft((seconds - time_s, done))
                    else:
                        done.succeed()
        self._awake -= 1


def server(env: simpy.Environment, threads: int = 1) -> Process:
    """Return a process on a machine of its own."""
    return Machine(env, threads, inf).process(threads)
