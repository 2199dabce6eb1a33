"""A TCP proxy before a real server, which can refuse, fall deaf, drop requests, swallow answers and forget connections.

What goes wrong between two machines goes wrong here; nothing stands in for a server. `KafkaProxy` knows the frames of
Kafka's protocol: it names itself as the broker's address, and tells a produce request from the others.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from dev.recipes import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.servers import Servers

PRODUCE = 0  # its key in Kafka's protocol
_RECEIVE = 262_144


class Proxy:
    """One listening port before one server, whose address is asked for at every connection."""

    def __init__(self, upstream: Callable[[], tuple[str, int]]) -> None:
        """Choose a port; nothing listens before `start`."""
        self.port = free_port()
        self.upstream = upstream
        self._listener: socket.socket | None = None
        self._pairs: set[Pair] = set()
        self._forgotten: set[Pair] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._hears = threading.Event()
        self._hears.set()
        self._passes = True  # requests
        self._answers = threading.Event()
        self._answers.set()
        self.accepted = 0  # connections, ever
        self.swallowed = 0  # answers that nobody was given

    @classmethod
    def to(cls, url: str) -> Self:
        """Return a proxy before the server of this URL."""
        where = urlsplit(url if "//" in url else f"//{url}")
        assert where.hostname is not None
        assert where.port is not None
        address = where.hostname, where.port
        return cls(lambda: address)

    def instead_in(self, url: str) -> str:
        """Return the server's URL with this proxy's address in it."""
        host, port = self.upstream()
        return url.replace(f"{host}:{port}", self.address)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{HOST}:{self.port}"

    @property
    def open(self) -> int:
        """How many connections there are."""
        return len(self._pairs)

    # --- what it can be told to do --------------------------------------------------------------------------------

    def start(self) -> None:
        """Let everything through, from now on; does nothing where it does so already."""
        self._hears.set()
        self._answers.set()
        self._passes = True
        if self._listener is not None:
            return
        self._listener = socket.create_server((HOST, self.port), reuse_port=False)
        self._spawn(self._accept, self._listener)

    def refuse(self) -> None:
        """Close the port, and cut every connection."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()
        self.cut()

    def cut(self) -> None:
        """Cut every connection, in the middle of whatever it carries; new ones are served."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            hang_up(pair.client)
            hang_up(pair.server)

    def forget(self) -> None:
        """Forget every connection that there is, as a NAT does: neither side is told, and nothing gets through.

        New ones are served.
        """
        with self._lock:
            self._forgotten |= self._pairs

    def deafen(self) -> None:
        """Take connections and requests, pass on nothing: the server never hears of them until `start`."""
        self._hears.clear()

    def drop(self) -> None:
        """Take connections and requests, and throw away what is asked, until `start`: the server never hears of it."""
        self._passes = False

    def swallow(self) -> None:
        """Pass on what is asked, and throw away what is answered, until `start`."""
        self._answers.clear()

    def stop(self) -> None:
        """Close everything, and wait until its threads have ended."""
        self._hears.set()
        self.refuse()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    # --- the way of the bytes -------------------------------------------------------------------------------------

    def request(self, data: bytes, pair: Pair) -> bytes:
        """Return what of the bytes on their way to the server is passed on."""
        self._hears.wait()
        return data if self._passes and pair not in self._forgotten else b""

    def answer(self, data: bytes, pair: Pair) -> bytes:
        """Return what of the bytes on their way back is passed on."""
        if pair in self._forgotten:
            return b""
        if self._answers.is_set():
            return data
        self.swallowed += 1
        return b""

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.upstream(), timeout=5)
            except OSError:
                hang_up(client)
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = Pair(client, server)
            with self._lock:
                self.accepted += 1
                self._pairs.add(pair)
            self._spawn(self._carry, pair)

    def _carry(self, pair: Pair) -> None:
        back = self._spawn(self._pump, pair.server, pair.client, self.answer, pair)
        self._pump(pair.client, pair.server, self.request, pair)
        back.join()
        with self._lock:
            self._pairs.discard(pair)
        pair.client.close()
        pair.server.close()

    def _pump(
        self, source: socket.socket, sink: socket.socket, change: Callable[[bytes, Pair], bytes], pair: Pair
    ) -> None:
        with contextlib.suppress(OSError):  # cut, or either side has left
            while data := source.recv(_RECEIVE):
                if passed := change(data, pair):
                    sink.sendall(passed)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            source.shutdown(socket.SHUT_RD)

    def _spawn(self, work: Callable[..., None], *args: object) -> threading.Thread:
        thread = threading.Thread(target=work, args=args, name=f"proxy {self.port}", daemon=True)
        with self._lock:
            self._threads = [one for one in self._threads if one.is_alive()]
            thread.start()
            self._threads.append(thread)
        return thread

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Pair:
    """One connection through the proxy: both sockets, and what is half read of either direction."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.asked = b""
        self.answered = b""
        self.produces: set[int] = set()  # correlation ids


class KafkaProxy(Proxy):
    """A proxy before the one broker. Its answers name this port, so that clients come back here.

    It swallows the answers to produce requests only: the record arrives, and nobody is told.
    """

    def request(self, data: bytes, pair: Pair) -> bytes:
        """Note which requests produce."""
        data = super().request(data, pair)
        frames, pair.asked = _frames(pair.asked + data)
        for frame in frames:
            key, _, correlation_id = struct.unpack_from(">hhi", frame, 4)
            if key == PRODUCE:
                pair.produces.add(correlation_id)
        return b"".join(frames)

    def answer(self, data: bytes, pair: Pair) -> bytes:
        """Put this port in the place of the broker's; leave out what is to be swallowed."""
        frames, pair.answered = _frames(pair.answered + data)
        host, upstream = self.upstream()
        theirs, ours = (host.encode() + struct.pack(">i", port) for port in (upstream, self.port))
        kept = b""
        for frame in frames:
            (correlation_id,) = struct.unpack_from(">i", frame, 4)
            produced = correlation_id in pair.produces
            pair.produces.discard(correlation_id)
            if produced and not super().answer(frame, pair):
                continue
            kept += frame.replace(theirs, ours)  # as long as before: the frame stays whole
        return kept


def _frames(data: bytes) -> tuple[list[bytes], bytes]:
    """Cut whole frames off; answer them and the rest."""
    frames = []
    while len(data) >= 4 and len(data) >= (size := 4 + struct.unpack_from(">i", data)[0]):
        frames.append(data[:size])
        data = data[size:]
    return frames, data


def hang_up(end: socket.socket) -> None:
    """End both directions of a connection."""
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Proxies:
    """One proxy before each server."""

    servers: Servers
    redis: Proxy
    kafka: KafkaProxy
    mariadb: Proxy

    @classmethod
    @contextlib.contextmanager
    def before(cls, servers: Servers) -> Iterator[Self]:
        """Lend proxies that let everything through; a server that starts again may have another port."""
        made = cls(
            servers,
            Proxy(lambda: (HOST, servers.redis.port)),
            KafkaProxy(lambda: (HOST, servers.kafka.port)),
            Proxy(lambda: (HOST, servers.mariadb.port)),
        )
        with contextlib.ExitStack() as stack:
            for proxy in made.all:
                stack.enter_context(proxy)
            yield made

    @property
    def all(self) -> tuple[Proxy, ...]:
        """All three."""
        return self.redis, self.kafka, self.mariadb

    @property
    def environ(self) -> dict[str, str]:
        """The addresses of the servers, as they are reached through the proxies."""
        return {
            "FIRSTCOME_REDIS_URL": self.redis.instead_in(self.servers.redis_url),
            "FIRSTCOME_KAFKA_BOOTSTRAP": self.kafka.instead_in(self.servers.kafka_bootstrap),
            "FIRSTCOME_MYSQL_URL": self.mariadb.instead_in(self.servers.mysql_url),
        }
