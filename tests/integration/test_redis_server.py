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

from firstcome.gate.answers import ApplyOutcome
from firstcome.gate.connect import redis_client
from firstcome.gate.gate import Gate
from firstcome.retry.reconcile import failed_over
from firstcome.rules import Unavailable, Unsuitable
from firstcome.settings import Settings
from tests.patience import PATIENT
from tests.proxy import Pair, Proxy
from tests.world import World, outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRAPPED = "Error running script (call to f_08be): @user_script:1: @user_script: 1: -"  # by Redis 6.2


class Rewording(Proxy):
    """Changes words of the server's answers into others of the same length."""

    def __init__(self, upstream: Callable[[], tuple[str, int]]) -> None:
        super().__init__(upstream)
        self.words: dict[bytes, bytes] = {}

    def say(self, instead_of: str, word: str) -> None:
        """Change one word from now on."""
        assert len(instead_of) == len(word)
        self.words[instead_of.encode()] = word.encode()

    def answer(self, data: bytes, pair: Pair) -> bytes:
        for word, instead in self.words.items():
            data = data.replace(word, instead)
        return super().answer(data, pair)


@pytest.fixture
def proxy(redis_url: str) -> Iterator[Rewording]:
    """The real Redis behind a proxy that still passes everything on as it is."""
    with Rewording.to(redis_url) as proxy:
        yield proxy


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
    """Return the fields that were missed, in the order in which it was said."""
    return [record.__dict__["field"] for record in caplog.records if record.msg == "redis does not say"]


@pytest.mark.parametrize("version", ["6.2", "5.0"])
def test_a_redis_that_is_too_old_is_refused_by_name(
    proxy: Rewording, client: redis.Redis, event: str, version: str
) -> None:
    """Nothing is decided there, at any request; a newer one in its place is found without a new environment."""
    number = str(client.info("server")["redis_version"])
    proxy.say(f"redis_version:{number}", f"redis_version:{version}{number[3:]}")
    with gate_at(f"redis://{proxy.address}/0") as gate:
        for _ in range(2):
            with pytest.raises(Unsuitable, match=rf"version {version}\S* is too old: expected Redis 7\.0 or newer"):
                gate.apply(event, "alice", "call")
        assert not client.exists(gate.keys(event).applied_user)
        proxy.words.clear()
        assert outcome_of(gate, event, "alice") is ApplyOutcome.ACCEPTED


def test_the_oldest_redis_that_is_supported_is_taken(proxy: Rewording, client: redis.Redis, event: str) -> None:
    """Redis 7.0 is new enough."""
    number = str(client.info("server")["redis_version"])
    proxy.say(f"redis_version:{number}", f"redis_version:7.0{number[3:]}")
    with gate_at(f"redis://{proxy.address}/0") as gate:
        assert outcome_of(gate, event, "alice") is ApplyOutcome.ACCEPTED


def test_migrate_says_that_redis_is_too_old(proxy: Rewording, world: World, client: redis.Redis) -> None:
    """The operator is told before the first person is."""
    number = str(client.info("server")["redis_version"])
    proxy.say(f"redis_version:{number}", f"redis_version:6.2{number[3:]}")
    with gate_at(f"redis://{proxy.address}/0") as gate:
        stale = World(replace(world.stores, gate=gate), world.event_id)
        with pytest.raises(Unsuitable, match="too old"):
            stale.operate("migrate", partitions=1, replication=1)


def test_what_a_managed_redis_keeps_to_itself_is_said_once(
    proxy: Rewording, event: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Without its policy and its version it is used all the same, and the log says what to make sure of."""
    proxy.say("maxmemory_policy", "xaxmemory_policy")
    proxy.say("redis_version", "xedis_version")
    with gate_at(f"redis://{proxy.address}/0") as gate:
        assert outcome_of(gate, event, "alice") is ApplyOutcome.ACCEPTED
        assert outcome_of(gate, event, "bob") is ApplyOutcome.ACCEPTED
    assert warnings(caplog) == ["redis_version", "maxmemory_policy"]
    assert "noeviction" in str([record.__dict__.get("therefore") for record in caplog.records])


def test_a_redis_that_hides_its_replication_id_stays_the_same(
    proxy: Rewording, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A failover cannot be noticed there: nothing is reconciled for ever, and the log says what to do after one."""
    proxy.say("master_replid:", "xaster_replid:")
    with gate_at(f"redis://{proxy.address}/0") as gate:
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


def test_a_server_that_is_no_redis_is_unavailable() -> None:
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
