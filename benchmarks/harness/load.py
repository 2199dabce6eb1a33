"""A load generator with an open loop: requests leave when they are due, whether or not the former ones are answered.

`wrk` and its like let each connection wait for its answer before it sends again, so that a server which stalls is asked
less, and the requests that would have met the stall are missing from the percentiles. Here every request has the time
at which it is due, and its latency counts from then, however late it was sent. What the generator itself is late by is
reported beside it.

    asked = ask(Load(url, ["/events/E/applications"], rate=1000, count=5000))
"""

from __future__ import annotations

import gc
import select
import socket
import time
import uuid
from array import array
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECTIONS_MAX = 1_500  # haproxy takes 2,000 in all
CONNECTIONS_READY = 50  # made beforehand: connecting takes as long as sending
BEGINS_S = 0.05  # from the last preparation to the first request
PATIENCE_S = 30.0  # for the last answers; API Gateway gives up after as long
DIGITS = 12  # of a person's number
_ENDED = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length: "
_WORDS = (b'"code":"', b'"status":"')


@dataclass(frozen=True, slots=True)
class Load:
    """`count` requests, `rate` a second; they take turns among the paths, each by another person.

    A `rate` of 0 makes all of them due at once: who opens an event has that, and `connections` limit it.
    """

    url: str
    paths: Sequence[str]
    rate: float
    count: int
    connections: int = CONNECTIONS_MAX


@dataclass(slots=True)
class Asked:
    """What came of it. `latency_s`, from when each request was due, and `done_s`, from the beginning, by answer."""

    words: Counter[str] = field(default_factory=Counter)  # status and word
    latency_s: array[float] = field(default_factory=lambda: array("d"))
    done_s: array[float] = field(default_factory=lambda: array("d"))
    lag_s: array[float] = field(default_factory=lambda: array("d"))  # sent later than due, with a connection free
    began: float = 0.0  # wall clock
    held: int = 0  # found every connection busy
    cpu: float = 0.0  # of one core, that the generator took

    @property
    def told(self) -> str:
        """How many had which answer."""
        return ", ".join(f"{count:,} x {word}" for word, count in self.words.most_common())


def applications(event_id: str) -> str:
    """Return the path of applying."""
    return f"/events/{event_id}/applications"


def ask(load: Load) -> Asked:
    """Put the load on the server, from a process of its own, and return what came of it."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(_ask, load).result()


def _ask(load: Load) -> Asked:
    gc.disable()  # nothing here has cycles, and a collection would be a lag
    return _Generator(load).run()


class _Connection:
    __slots__ = ("due_s", "heard", "socket")

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due_s = 0.0
        self.heard = b""


class _Generator:
    def __init__(self, load: Load) -> None:
        self._load = load
        where = urlsplit(load.url)
        self._address = (where.hostname or "", where.port or 80)
        body = '{"user_id":"' + str(uuid.uuid4())[:24]  # as long as a UUID, with the digits
        head = "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        self._kinds = [(head % (path, len(body) + DIGITS + 2, body)).encode() for path in load.paths]
        self._epoll = select.epoll()
        self._all: dict[int, _Connection] = {}
        self._idle: list[_Connection] = []
        self._asked = Asked()

    def run(self) -> Asked:
        """Send everything when it is due, and hear the answers."""
        load, asked = self._load, self._asked
        self._idle = [self._connect() for _ in range(min(CONNECTIONS_READY, load.connections))]
        gap_s = 1 / load.rate if load.rate else 0.0
        cpu_s, begins = time.process_time(), time.perf_counter() + BEGINS_S
        asked.began = time.time() + BEGINS_S
        sent, held_until, heard_s, now_s = 0, 0, 0.0, -BEGINS_S
        while len(asked.done_s) < load.count and now_s <= max(heard_s, sent * gap_s) + PATIENCE_S:
            while sent < load.count and sent * gap_s <= now_s:
                connection = self._free()
                if connection is None:  # all that are due by now find none
                    held_until = int(now_s / gap_s) + 1 if gap_s else load.count
                    break
                connection.due_s, connection.heard = sent * gap_s, b""
                if sent >= held_until:
                    asked.lag_s.append(now_s - connection.due_s)
                self._send(connection, sent, now_s)
                sent += 1
                now_s = time.perf_counter() - begins
            waits = sent < load.count and (self._idle or len(self._all) < load.connections)
            # epoll itself counts in milliseconds.
            select.select([self._epoll], (), (), max(0.0, sent * gap_s - now_s) if waits else PATIENCE_S)
            for descriptor, _ in self._epoll.poll(0):
                heard_s = time.perf_counter() - begins
                self._hear(self._all[descriptor], heard_s)
            now_s = time.perf_counter() - begins
        asked.held = load.count - len(asked.lag_s)
        asked.cpu = (time.process_time() - cpu_s) / now_s
        if lost := load.count - len(asked.done_s):
            asked.words["0 no answer"] += lost
        return asked

    def _connect(self) -> _Connection:
        connection = _Connection(self._address)
        self._all[connection.socket.fileno()] = connection
        self._epoll.register(connection.socket, select.EPOLLIN)
        return connection

    def _free(self) -> _Connection | None:
        if self._idle:
            return self._idle.pop()
        return self._connect() if len(self._all) < self._load.connections else None

    def _send(self, connection: _Connection, number: int, now_s: float) -> None:
        try:
            connection.socket.sendall(b'%s%012d"}' % (self._kinds[number % len(self._kinds)], number))
        except OSError:
            self._answered(connection, now_s, "0 closed")

    def _hear(self, connection: _Connection, now_s: float) -> None:
        try:
            more = connection.socket.recv(65_536)
        except OSError:
            more = b""
        if not more:
            self._answered(connection, now_s, "0 closed")
            return
        heard = connection.heard = connection.heard + more if connection.heard else more
        end = heard.find(_ENDED)
        at = heard.find(_LENGTH, 0, end) + len(_LENGTH)
        if end >= 0 and len(heard) >= end + len(_ENDED) + int(heard[at : heard.find(b"\r", at)]):
            self._answered(connection, now_s, heard[9:12].decode() + _word(heard, end))

    def _answered(self, connection: _Connection, now_s: float, word: str) -> None:
        self._asked.words[word] += 1
        self._asked.latency_s.append(now_s - connection.due_s)
        self._asked.done_s.append(now_s)
        if not word.startswith("0"):
            self._idle.append(connection)
            return
        with suppress(OSError):
            self._epoll.unregister(connection.socket)
        del self._all[connection.socket.fileno()]
        connection.socket.close()


def _word(heard: bytes, body: int) -> str:
    """Return the code or the status word of a body, after a space; nothing where it has none."""
    for name in _WORDS:
        at = heard.find(name, body)
        if at >= 0:
            at += len(name)
            return " " + heard[at : heard.find(b'"', at)].decode()
    return ""
