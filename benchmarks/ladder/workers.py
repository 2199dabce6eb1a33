"""A crowd that asks all at once, and the processes that answer it: one request each at a time, and any may be killed.

One process feeds them all, over a socket each: what is measured is their work and their servers', as little as possible
of whoever asks. There is no queue before a process, as on Lambda, where there are as many of them as requests.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from benchmarks.ladder.processes import LONGEST, READY, YES
from dev.cloud import ROOT

PATIENCE_S = 30  # a person's, as API Gateway waits; a process needs a moment to connect


@dataclass(slots=True)
class Burst:
    """What the people of one burst were told, and how long it took."""

    yes: set[str] = field(default_factory=set)
    promises: int = 0  # how often somebody was told yes
    no: set[str] = field(default_factory=set)  # whoever was told no, also after a yes
    latencies_s: list[float] = field(default_factory=list)
    seconds: float = 0.0


class Worker:
    """One process of one step, and the request that it works on."""

    def __init__(self, asking: socket.socket, pid: int) -> None:
        """Wait until the process `pid`, at the other end of `asking`, can answer."""
        self.socket = asking
        self.socket.settimeout(PATIENCE_S)
        self.killed = False
        self.asker: str | None = None
        self._pid = pid
        self._asked = 0.0
        if self.hear()[0] != READY:
            raise ChildProcessError("a process of the ladder ended before it could answer: see its log")

    def ask(self, event_id: str, user_id: str) -> None:
        """Give it one request; it must have none."""
        self.asker, self._asked = user_id, time.perf_counter()
        self.socket.send(f"{event_id} {user_id}".encode())

    def hear(self) -> tuple[bytes, float]:
        """Return what it says next, and how long that took; nothing where it is dead."""
        try:
            said = self.socket.recv(LONGEST)
        except ConnectionResetError:  # it died with a request unread
            said = b""
        return said, time.perf_counter() - self._asked

    def kill(self) -> None:
        """End it as a power cut does; its socket says when it is gone."""
        self.killed = True
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.kill(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """End it."""
        if not self.killed:
            self.kill()
        while self.hear()[0]:
            pass
        self.socket.close()


class Nursery:
    """The process that makes all others, and where they log."""

    def __init__(self, environ: Mapping[str, str], log: Path) -> None:
        """Start it."""
        self.log = log
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "benchmarks.ladder.processes", "serve", str(theirs.fileno())]
        with theirs, log.open("wb") as out:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdout=out, stderr=out, pass_fds=[theirs.fileno()]
            )

    def make(self, step: int, capacity: int) -> Worker:
        """Return a process of the step."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._control, [f"{step} {capacity}".encode()], [theirs.fileno()])
        pid = self._control.recv(LONGEST)
        if not pid:
            raise ChildProcessError(f"the steps cannot be imported: see {self.log}")
        return Worker(ours, int(pid))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End it; those that it made end with whoever asks them."""
        self._control.close()
        self._process.wait()


class Workers:
    """The processes of one step. One that is killed has a successor; one that ends by itself is an error."""

    def __init__(self, nursery: Nursery, step: int, capacity: int, count: int) -> None:
        """Start them."""
        self._nursery, self._made = nursery, (step, capacity)
        self._poll = select.poll()
        self._alive: dict[int, Worker] = {}  # by the descriptor of their sockets
        for _ in range(count):
            self._add()

    def burst(self, event_id: str, people: Iterable[str], told: Callable[[Burst], None] = lambda _: None) -> Burst:
        """Let all of `people` ask, as fast as they are answered; `told` hears of each answer, and may kill."""
        burst, waiting = Burst(), deque(people)
        began = time.perf_counter()
        for worker in self._alive.values():
            if waiting:
                worker.ask(event_id, waiting.popleft())
        while waiting or any(worker.asker for worker in self._alive.values()):
            for worker in self._speaking():
                said, seconds = worker.hear()
                user_id, worker.asker = worker.asker, None
                if said and user_id:
                    (burst.yes if said == YES else burst.no).add(user_id)
                    burst.promises += said == YES
                    burst.latencies_s.append(seconds)
                    told(burst)
                    free = None if worker.killed else worker
                elif worker.killed:
                    waiting.extendleft([user_id] if user_id else [])  # who will ask again
                    free = self._replace(worker)
                else:
                    raise ChildProcessError(f"a process ended by itself: see {self._nursery.log}")
                if free and waiting:
                    free.ask(event_id, waiting.popleft())
        burst.seconds = time.perf_counter() - began
        for worker in [worker for worker in self._alive.values() if worker.killed]:  # its answer was given
            self._replace(worker)
        return burst

    def kill_one(self) -> bool:
        """Kill one that works on a request; return whether there was one."""
        working = [worker for worker in self._alive.values() if worker.asker is not None and not worker.killed]
        if working:
            random.choice(working).kill()
        return bool(working)

    def close(self) -> None:
        """End all of them."""
        for worker in self._alive.values():
            worker.close()

    def _add(self) -> Worker:
        worker = self._nursery.make(*self._made)
        self._alive[worker.socket.fileno()] = worker
        self._poll.register(worker.socket, select.POLLIN)
        return worker

    def _replace(self, worker: Worker) -> Worker:
        """Put another one in the place of one that was killed."""
        self._poll.unregister(worker.socket)
        del self._alive[worker.socket.fileno()]
        worker.close()
        return self._add()

    def _speaking(self) -> list[Worker]:
        heard = self._poll.poll(PATIENCE_S * 1_000)
        if not heard:
            raise TimeoutError(f"nobody answers: see {self._nursery.log}")
        return [self._alive[descriptor] for descriptor, _ in heard]
