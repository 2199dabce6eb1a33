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
from functools import partial
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
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(PATIENCE_S)
        self._process = CONTEXT.Process(target=serve, args=(step, capacity, theirs, log), daemon=True)
        with theirs:
            self._process.start()
        self.fileno = self._socket.fileno
        self.killed = False
        self.asker = ""
        self._asked = 0.0
        if self.hear()[0] != READY:
            raise ChildProcessError(f"a process of the ladder ended before it could answer: see {log}")

    def ask(self, event_id: str, user_id: str) -> None:
        """Give it one request; it must have none."""
        self.asker, self._asked = user_id, time.perf_counter()
        self._socket.send(f"{event_id} {user_id}".encode())

    def hear(self) -> tuple[bytes, float]:
        """Return what it says next, and how long that took; nothing where it is dead."""
        try:
            said = self._socket.recv(LONGEST)
        except ConnectionResetError:  # it died with a request unread
            said = b""
        return said, time.perf_counter() - self._asked

    def kill(self) -> None:
        """End it as a power cut does; its socket says when it is gone."""
        self.killed = True
        self._process.kill()

    def close(self) -> None:
        """End it, and return when it is gone."""
        self.kill()
        while self.hear()[0]:
            pass
        self._socket.close()


class Workers:
    """The processes of one step. One that is killed has a successor; one that ends by itself is an error."""

    def __init__(self, step: int, capacity: int, count: int, log: Path) -> None:
        """Start them."""
        self._make, self._log = partial(Worker, step, capacity, log), log
        self._workers = [self._make() for _ in range(count)]

    def burst(self, event_id: str, people: Iterable[str], told: Callable[[Burst], None] = lambda _: None) -> Burst:
        """Let all of `people` ask, as fast as they are answered; `told` hears of each answer, and may kill."""
        burst, waiting = Burst(), deque(people)
        began = time.perf_counter()
        while busy := self._busy(event_id, waiting):
            speaking, _, _ = select.select(busy, [], [], PATIENCE_S)
            if not speaking:
                raise TimeoutError(f"nobody answers: see {self._log}")
            for worker in speaking:
                said, seconds = worker.hear()
                user_id, worker.asker = worker.asker, ""
                if said:
                    (burst.yes if said == YES else burst.no).add(user_id)
                    burst.promises += said == YES
                    burst.latencies_s.append(seconds)
                    told(burst)
                elif worker.killed:
                    waiting.appendleft(user_id)  # who asks again
                else:
                    raise ChildProcessError(f"a process ended by itself: see {self._log}")
                if worker.killed:
                    worker.close()
                    self._workers[self._workers.index(worker)] = self._make()
        burst.seconds = time.perf_counter() - began
        return burst

    def _busy(self, event_id: str, waiting: deque[str]) -> list[Worker]:
        """Give everybody who has none a request, while there are any; return who works on one."""
        for worker in self._workers:
            if waiting and not worker.asker:
                worker.ask(event_id, waiting.popleft())
        return [worker for worker in self._workers if worker.asker]

    def kill_one(self) -> bool:
        """Kill one that works on a request; return whether there was one."""
        working = [worker for worker in self._workers if worker.asker and not worker.killed]
        if working:
            random.choice(working).kill()
        return bool(working)

    def close(self) -> None:
        """End all of them."""
        for worker in self._workers:
            worker.close()
