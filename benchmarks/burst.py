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
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Self

from benchmarks.strategies.worker import LONGEST, READY, YES
from dev.cloud import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

PATIENCE_S = 30  # a person's, as API Gateway waits; a process needs a moment to connect


@dataclass(slots=True)
class Burst:
    """What the people of one burst were told, and how long it took."""

    yes: set[str] = field(default_factory=set)
    promises: int = 0  # how often somebody was told yes
    no: set[str] = field(default_factory=set)  # whoever was told no, also after a yes
    latencies_s: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answered requests a second."""
        return len(self.latencies_s) / self.seconds


class Nursery:
    """The process that makes all others, and where they log."""

    def __init__(self, environ: Mapping[str, str], log: Path) -> None:
        """Start it."""
        self.log = log
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "benchmarks.strategies.worker", str(theirs.fileno())]
        with theirs, log.open("wb") as out:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdout=out, stderr=out, pass_fds=[theirs.fileno()]
            )

    def make(self, module: str, capacity: int) -> Worker:
        """Return a process of the step, which says when it is ready."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(PATIENCE_S)
        with theirs:
            socket.send_fds(self._control, [f"{module} {capacity}".encode()], [theirs.fileno()])
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


class Worker:
    """One process of one step, and the request that it works on."""

    def __init__(self, asking: socket.socket, pid: int) -> None:
        """Speak to the process `pid` over `asking`."""
        self.socket = asking
        self.ready = False
        self.killed = False
        self.asker: str | None = None
        self._pid = pid
        self._asked = 0.0

    def ask(self, event_id: str, user_id: str) -> None:
        """Give it one request; it must have none."""
        self.asker = user_id
        self._asked = time.perf_counter()
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


class Workers:
    """The processes of one step. One that is killed has a successor; one that ends by itself is an error."""

    def __init__(self, nursery: Nursery, module: str, capacity: int, count: int) -> None:
        """Start them; `wait_ready` before the first burst."""
        self._log = nursery.log
        self._make = partial(nursery.make, module, capacity)
        self._poll = select.poll()
        self._alive: dict[int, Worker] = {}  # by the descriptor of their sockets
        for _ in range(count):
            self._add()

    def wait_ready(self) -> None:
        """Return when all of them can answer."""
        for worker in self._alive.values():
            if not worker.ready:
                self._note(worker, worker.hear()[0])

    def rehearse(self, event_id: str) -> None:
        """Let each answer one request, a winner's, so that it is connected to everything."""
        for number, worker in enumerate(self._alive.values()):
            worker.ask(event_id, f"rehearsal-{number}")
            self._note(worker, worker.hear()[0])

    def burst(self, event_id: str, people: Iterable[str], told: Callable[[Burst], None] = lambda _: None) -> Burst:
        """Let all of `people` ask, as fast as they are answered; `told` hears of each answer, and may kill."""
        burst, waiting = Burst(), deque(people)
        began = time.perf_counter()
        for worker in self._alive.values():
            if worker.ready and waiting:
                worker.ask(event_id, waiting.popleft())
        while waiting or any(worker.asker for worker in self._alive.values()):
            for worker in self._speaking():
                said, seconds = worker.hear()
                if not said and worker.killed:
                    waiting.extendleft(self._replace(worker))
                    continue
                if user_id := self._note(worker, said):
                    (burst.yes if said == YES else burst.no).add(user_id)
                    burst.promises += said == YES
                    burst.latencies_s.append(seconds)
                    told(burst)
                if waiting and not worker.killed:
                    worker.ask(event_id, waiting.popleft())
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

    def _add(self) -> None:
        worker = self._make()
        self._alive[worker.socket.fileno()] = worker
        self._poll.register(worker.socket, select.POLLIN)

    def _replace(self, worker: Worker) -> list[str]:
        """Put another one in the place of one that was killed; answer who was asking it, and will ask again."""
        self._poll.unregister(worker.socket)
        del self._alive[worker.socket.fileno()]
        worker.close()
        self._add()
        return [] if worker.asker is None else [worker.asker]

    def _speaking(self) -> list[Worker]:
        heard = self._poll.poll(PATIENCE_S * 1_000)
        if not heard:
            raise TimeoutError(f"nobody answers: see {self._log}")
        return [self._alive[descriptor] for descriptor, _ in heard]

    def _note(self, worker: Worker, said: bytes) -> str | None:
        """Return whose request was answered; None where the process has only come up."""
        if not said or (said == READY) == worker.ready:
            raise ChildProcessError(f"a process ended by itself: see {self._log}")
        worker.ready = True
        user_id, worker.asker = worker.asker, None
        return user_id
