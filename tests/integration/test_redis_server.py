"""Servers that are older, tell less of themselves, or word their errors otherwise than the one that the tests have."""

from __future__ import annotations

import socket
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import redis

from firstcome.gate.connect import redis_client
from firstcome.gate.gate import ApplyOutcome, Gate
from firstcome.retry.reconcile import failed_over
from firstcome.rules import Unavailable, Unsuitable
from firstcome.settings import Settings
from tests.patience import PATIENT
from tests.world import World, outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRAPPED = "Error running script (call to f_08be): @user_script:1: @user_script: 1: -"  # by Redis 6.2


class Relay:
    """Stands between us and a real Redis, and changes words of its answers into others of the same length."""

    def __init__(self, redis_url: str) -> None:
        url = urlsplit(redis_url)
        self._behind = (url.hostname, url.port)
        self.words: dict[bytes, bytes] = {}
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        self._threads = [Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def say(self, instead_of: str, word: str) -> None:
        """Change one word from now on."""
        assert len(instead_of) == len(word)
        self.words[instead_of.encode()] = word.encode()

    def close(self) -> None:
        """End every thread: whoever is connected must have left."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._behind)
                self._ends += [client, server]
                for ends in ((client, server, {}), (server, client, self.words)):
                    self._threads.append(Thread(target=self._pass_on, args=ends, daemon=True))
                    self._threads[-1].start()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket, words: dict[bytes, bytes]) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 20):
                for word, instead in words.items():
                    data = data.replace(word, instead)
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def relay(redis_url: str) -> Iterator[Relay]:
    """The real Redis behind a relay that still passes everything on as it is."""
    relay = Relay(redis_url)
    yield relay
    relay.close()


@contextmanager
def gate_at(url: str) -> Iterator[Gate]:
    """A gate through a client of its own."""
    settings = Settings(redis_url=url, **PATIENT)
    gate = Gate(redis_client(settings), settings)
    try:
        yield gate
    finally:
        gate.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The fields that were missed, in the order in which it was said."""
    return [record.__dict__["field"] for record in caplog.records if record.msg == "redis does not say"]


@pytest.mark.parametrize("version", ["6.2", "5.0"])
def test_a_redis_that_is_too_old_is_refused_by_name(
    relay: Relay, client: redis.Redis, event: str, version: str
) -> None:
    """Nothing is decided there, at any request; a newer one in its place is found without a new environment."""
    number = str(client.info("server")["redis_version"])
    relay.say(f"redis_version:{number}", f"redis_version:{version}{number[3:]}")
    with gate_at(relay.url) as gate:
        for _ in range(2):
            with pytest.raises(Unsuitable, match=rf"version {version}\S* is too old: expected Redis 7\.0 or newer"):
                gate.apply(event, "alice", "call")
        assert not client.exists(gate.keys(event)[1])
        relay.words.clear()
        assert outcome_of(gate, event, "alice") is ApplyOutcome.ACCEPTED


def test_the_oldest_redis_that_is_supported_is_taken(relay: Relay, client: redis.Redis, event: str) -> None:
    number = str(client.info("server")["redis_version"])
    relay.say(f"redis_version:{number}", f"redis_version:7.0{number[3:]}")
    with gate_at(relay.url) as gate:
        assert outcome_of(gate, event, "alice") is ApplyOutcome.ACCEPTED


def test_migrate_says_that_redis_is_too_old(relay: Relay, world: World, client: redis.Redis) -> None:
    """The operator is told before the first person is."""
    number = str(client.info("server")["redis_version"])
    relay.say(f"redis_version:{number}", f"redis_version:6.2{number[3:]}")
    with gate_at(relay.url) as gate:
        stale = World(replace(world.stores, gate=gate), world.event_id)
        with pytest.raises(Unsuitable, match="too old"):
            stale.operate("migrate", partitions=1, replication=1)


def test_what_a_managed_redis_keeps_to_itself_is_said_once(
    relay: Relay, event: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Without its policy and its version it is used all the same, and the log says what to make sure of."""
    relay.say("maxmemory_policy", "xaxmemory_policy")
    relay.say("redis_version", "xedis_version")
    with gate_at(relay.url) as gate:
        assert outcome_of(gate, event, "alice") is ApplyOutcome.ACCEPTED
        assert outcome_of(gate, event, "bob") is ApplyOutcome.ACCEPTED
    assert warnings(caplog) == ["redis_version", "maxmemory_policy"]
    assert "noeviction" in str([record.__dict__.get("therefore") for record in caplog.records])


def test_a_redis_without_a_replication_id_is_never_taken_for_another(
    relay: Relay, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A failover cannot be noticed there: nothing is reconciled for ever, and the log says what to do after one."""
    relay.say("master_replid:", "xaster_replid:")
    with gate_at(relay.url) as gate:
        view = gate.show(world.event_id)
        assert view is not None
        assert view.replid, "written by a server that told it"
        assert not failed_over(gate, view, world.event_id)
        managed = World(replace(world.stores, gate=gate), world.event_id)
        managed.apply("alice")
        assert managed.retry()["reconcile_later"] == 0
        assert managed.operate("reconcile")["outcome"] in {"reconciled", "busy"}
        managed.lose_gate()
    assert warnings(caplog) == ["master_replid"]


def test_a_redis_that_refuses_info_is_used(
    client: Any, redis_url: str, event: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The user's rights may leave it out; every other command works."""
    name = f"user-{event}"
    client.execute_command("ACL", "SETUSER", name, "reset", "on", "nopass", "~*", "+@all", "-info")
    url = urlsplit(redis_url)
    try:
        with gate_at(url._replace(netloc=f"{name}:x@{url.netloc}").geturl()) as gate:
            assert outcome_of(gate, event, "alice") is ApplyOutcome.ACCEPTED
            assert gate.replid(event) == ""
    finally:
        client.execute_command("ACL", "DELUSER", name)
    assert warnings(caplog) == ["redis_version", "maxmemory_policy", "master_replid"]


@pytest.mark.parametrize(
    "error",
    [
        "OOM command not allowed when used memory > 'maxmemory'.",
        "MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.",
        "NOREPLICAS Not enough good replicas to write.",
        "READONLY You can't write against a read only replica.",
        "NOPERM this user has no permissions to run the 'hset' command",
        "BUSY Redis is busy running a script.",
    ],
    ids=lambda error: error.split()[0],
)
@pytest.mark.parametrize("before", ["", WRAPPED], ids=["first", "wrapped"])
def test_not_now_is_recognised_wherever_it_stands(before: str, error: str) -> None:
    """Other versions wrap what a script ran into: it is "not now" all the same, and after READONLY we connect anew."""
    with a_server_that_says(before + error) as (url, connected), gate_at(url) as gate:
        for _ in range(2):
            with pytest.raises(Unavailable):
                gate.standing("E", "alice")
        assert connected() == (2 if "READONLY" in error else 1)


def test_a_mistake_of_ours_is_no_trouble_of_the_server() -> None:
    """A script that does not compile would fail for ever: it is not to be taken for an outage."""
    error = "ERR Error compiling script (new function): user_script:1: -"
    with (
        a_server_that_says(error) as (url, _),
        gate_at(url) as gate,
        pytest.raises(redis.ResponseError, match="compiling"),
    ):
        gate.standing("E", "alice")


def test_who_answers_and_is_no_redis_is_unavailable() -> None:
    """Another server listens there: nobody knows anything, and it is not a fault of this request."""
    with (
        a_server_that_says("", raw=b"HTTP/1.1 400 Bad Request\r\n\r\n") as (url, _),
        gate_at(url) as gate,
        pytest.raises(Unavailable, match="redis"),
    ):
        gate.standing("E", "alice")


@contextmanager
def a_server_that_says(error: str, raw: bytes = b"") -> Iterator[tuple[str, Callable[[], int]]]:
    """A server that takes a connection's first words, and answers each script with this error, as Redis writes it."""
    answer = raw or f"-{error}\r\n".encode()
    greeting = [b"+OK\r\n", b"+PONG\r\n"]
    connected: list[Thread] = []

    def serve(client: socket.socket) -> None:
        with client, suppress(OSError):
            while words := client.recv(1 << 20):
                client.sendall(answer if b"EVALSHA" in words else greeting[b"PING" in words])

    def accept() -> None:
        with suppress(OSError):  # of a listener that is closed
            while True:
                client, _ = listener.accept()
                connected.append(Thread(target=serve, args=(client,), daemon=True))
                connected[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0", lambda: len(connected)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for one in (thread, *connected):
                one.join(10)
