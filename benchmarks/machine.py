"""A machine in simulated time: processes that share its cores as Linux shares them.

Of those that have something to do, the one that has had the least goes next, and keeps its core until it has nothing
left to do, or for a slice.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    import simpy

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
        self.env = env
        self.busy_s = 0.0  # of all cores
        self._slice_s = slice_s
        self._free = cores
        self._ready: list[tuple[float, int, Process]] = []
        self._order = itertools.count()  # who has had the same goes in the order of asking
        self._least_s = 0.0
        self._chance = chance

    def process(self, threads: int = 1, *, first: bool = False) -> Process:
        """Return a process that uses so many cores at the same time at most; `first`: before all others."""
        return Process(self, threads, first=first)

    def lasting(self, seconds: float, jobs: float) -> float:
        """Return how long so many jobs take that together take `seconds` on average."""
        if self._chance is None or not seconds:
            return seconds
        return self._chance.gammavariate(jobs, seconds / jobs)

    def ask(self, process: Process) -> None:
        """Let a process have a core, as soon as it is its turn."""
        heapq.heappush(self._ready, (process.had_s, next(self._order), process))
        self._dispatch()

    def woken(self, process: Process) -> None:
        """Let a process that had nothing to do begin where the others are: sleep is not saved up."""
        process.had_s = 0.0 if process.first else max(process.had_s, self._least_s)
        self.ask(process)

    def _dispatch(self) -> None:
        while self._free and self._ready:
            had_s, _, process = heapq.heappop(self._ready)
            if not process.waiting:  # another thread of it was quicker
                process.rest()
                continue
            self._least_s = max(self._least_s, had_s)
            self._free -= 1
            self._run(process, self._slice_s)

    def _run(self, process: Process, left_s: float) -> None:
        """Go on with the process's next job for `left_s` at most, then with the one after it."""
        job = process.take()
        time_s = min(job.left_s, left_s)

        def ended(_: object) -> None:
            self.busy_s += time_s
            if not process.first:
                process.had_s += time_s / process.threads
            job.left_s -= time_s
            if job.left_s <= 0:
                job.done.succeed()
            else:
                process.put_back(job)
            if process.waiting and left_s > time_s:
                self._run(process, left_s - time_s)
                return
            self._free += 1
            process.rest()
            self._dispatch()

        callbacks: list[Callable[[object], None]] | None = self.env.timeout(time_s).callbacks
        assert callbacks is not None
        callbacks.append(ended)


class Job:
    """Some seconds of a core, and the event that says that they are over."""

    __slots__ = ("done", "left_s")

    def __init__(self, seconds: float, done: simpy.Event) -> None:
        self.left_s = seconds
        self.done = done


class Process:
    """Jobs, done in the order in which they came."""

    def __init__(self, machine: Machine, threads: int, *, first: bool = False) -> None:
        self.machine = machine
        self.threads = threads
        self.first = first
        self.had_s = 0.0
        self._jobs: deque[Job] = deque()
        self._awake = 0  # threads that have a core, or wait for one

    @property
    def waiting(self) -> bool:
        """Whether there is a job that nobody works on."""
        return bool(self._jobs)

    def work(self, seconds: float, jobs: float = 1) -> simpy.Event:
        """Return an event that comes when this many jobs, of `seconds` of a core together, are done one by one."""
        done = self.machine.env.event()
        self._jobs.append(Job(self.machine.lasting(seconds, jobs), done))
        if self._awake < self.threads:
            self._awake += 1
            if self._awake == 1:
                self.machine.woken(self)
            else:
                self.machine.ask(self)
        return done

    def take(self) -> Job:
        """Return the job that is next."""
        return self._jobs.popleft()

    def put_back(self, job: Job) -> None:
        """Go on with this job before all others."""
        self._jobs.appendleft(job)

    def rest(self) -> None:
        """Give the core back; ask for another turn where there is more to do."""
        if self._jobs:
            self.machine.ask(self)
        else:
            self._awake -= 1


def server(env: simpy.Environment, threads: int = 1) -> Process:
    """Return a process on a machine of its own."""
    return Machine(env, threads, inf).process(threads)
