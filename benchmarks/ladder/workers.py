"""A crowd that asks all at once, and the processes that answer it: one request each at a time, and any may be killed.

One process feeds them all, over a socket each: what is measured is their work and their servers', as little as possible
of whoever asks. There is no queue before a process, as on Lambda, where there are as many of them as requests. They are
forked from a server that has imported all steps, so a process that was killed has a successor within milliseconds.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing import forkserver, resource_tracker
from pathlib import Path

from benchmarks.ladder.steps import STEPS
from firstcome.settings import Settings

READY, YES, NO = b"ready", b"yes", b"no"
LONGEST = 1_024
PATIENCE_S = 30  # a person's, as API Gateway waits; a process needs a moment to connect

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["benchmarks.ladder.steps", "functions.apply.handler"])


def end_server() -> None:
    """End the server that forks, and what it keeps: whoever forks next has another environment."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # noqa: SLF001
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]  # noqa: SLF001


def serve(step: int, capacity: int, requests: socket.socket, log: Path) -> None:
    """Answer each `event_id user_id` with `YES` or `NO`, until the other end is closed."""
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)  # where the reason stands, when the step fails
    apply = STEPS[step].start(Settings.from_env(), capacity)
    requests.send(READY)
    while asked := requests.recv(LONGEST):
        event_id, user_id = asked.decode().split()
        requests.send(YES if apply(event_id, user_id) else NO)
    os._exit(0)


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

    def __init__(self, step: int, capacity: int, log: Path) -> None:
        """Start it, and wait until it can answer."""
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(PATIENCE_S)
        self._process = CONTEXT.Process(target=serve, args=(step, capacity, theirs, log), daemon=True)
        with theirs:
            self._process.start()
        self.killed = False
        self.asker: str | None = None
        self._asked = 0.0
        if self.hear()[0] != READY:
            raise ChildProcessError(f"a process of the ladder ended before it could answer: see {log}")

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
        self._process.kill()

    def close(self) -> None:
        """End it."""
        self.kill()
        while self.hear()[0]:
            pass
        self.socket.close()


class Workers:
    """The processes of one step. One that is killed has a successor; one that ends by itself is an error."""

    def __init__(self, step: int, capacity: int, count: int, log: Path) -> None:
        """Start them."""
        self._made, self._log = (step, capacity, log), log
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
                    raise ChildProcessError(f"a process ended by itself: see {self._log}")
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
        worker = Worker(*self._made)
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
            raise TimeoutError(f"nobody answers: see {self._log}")
        return [self._alive[descriptor] for descriptor, _ in heard]
