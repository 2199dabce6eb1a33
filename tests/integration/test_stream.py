"""The producer's three outcomes, on a real broker behind a proxy that stops, swallows and deafens."""

from __future__ import annotations

import socket
import struct
import threading
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from firstcome.rules import Ticket
from firstcome.settings import Settings
from firstcome.stream import GRACE_MS, Sent, Stream, decode
from firstcome.tail import ensure_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARTITIONS = 3
SLACK_MS = 500  # of a busy machine


class Proxy:
    """A TCP proxy in front of the broker, which also names itself as the broker in what the broker says.

    `requests` and `answers` say whether bytes pass in that direction or are swallowed; both may change at any time, and
    with `heals` they pass again as soon as somebody connects.
    """

    def __init__(self, bootstrap: str) -> None:
        self.requests = self.answers = True
        self.heals = False
        self.accepted = 0
        self.open = 0
        host, port = bootstrap.split(":")
        self._broker = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._sockets: list[socket.socket] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.accepted += 1
                self.open += 1
                if self.heals:
                    self.requests = self.answers = True
                self._sockets.append(client)
                broker = socket.create_connection(self._broker)
                self._sockets.append(broker)
                threading.Thread(target=self._copy, args=(client, broker, "requests"), daemon=True).start()
                threading.Thread(target=self._copy, args=(broker, client, "answers"), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket, direction: str) -> None:
        theirs = self._broker[0].encode() + struct.pack(">i", self._broker[1])
        ours = self._broker[0].encode() + struct.pack(">i", self.port)
        with suppress(OSError):
            while data := source.recv(65536):
                if getattr(self, direction):
                    target.sendall(data.replace(theirs, ours))
        self.open -= direction == "requests"
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End every connection, and accept no more."""
        self._listener.shutdown(socket.SHUT_RDWR)  # ends a waiting accept, which close() alone would not
        self._acceptor.join()
        self._listener.close()
        for end in self._sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def proxy(kafka_bootstrap: str) -> Iterator[Proxy]:
    proxy = Proxy(kafka_bootstrap)
    yield proxy
    proxy.close()


@pytest.fixture
def topic(kafka_bootstrap: str) -> str:
    topic = f"test-{uuid.uuid4().hex}"
    ensure_topic(Settings(kafka_bootstrap=kafka_bootstrap, kafka_topic=topic), PARTITIONS, 1)
    return topic


@pytest.fixture
def streams() -> Iterator[Callable[..., Stream]]:
    """Make a stream with these settings, closed after the test."""
    made: list[Stream] = []

    def make(**settings: Any) -> Stream:
        made.append(Stream(Settings(**settings)))
        return made[-1]

    yield make
    for stream in made:
        stream.close()


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        yield listener


def ticket(user_id: str = "u", number: int = 1) -> Ticket:
    return Ticket("E", user_id, number, 1_893_553_445_678)


def written(bootstrap: str, topic: str) -> list[Any]:
    """Everything that stands in the topic."""
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    try:
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        records: list[Any] = []
        while any(consumer.position(at) < ends[at] for at in partitions):
            for batch in consumer.poll(timeout_ms=5_000).values():
                records += batch
        return records
    finally:
        consumer.close(autocommit=False)


def timed(send: Callable[[], Sent]) -> tuple[Sent, float]:
    started = time.monotonic()
    return send(), (time.monotonic() - started) * 1000


def test_making_a_stream_talks_to_nobody(streams: Callable[..., Stream], deaf: socket.socket) -> None:
    """Init waits for no server: nothing connects before the first send."""
    deaf.setblocking(False)
    streams(kafka_bootstrap=f"127.0.0.1:{deaf.getsockname()[1]}").close()
    with pytest.raises(BlockingIOError):
        deaf.accept()


def test_a_delivered_record_stands_in_the_topic(
    streams: Callable[..., Stream], kafka_bootstrap: str, topic: str
) -> None:
    """DELIVERED means that the record is in the log, as it was given, with the caller's correlation id."""
    stream = streams(kafka_bootstrap=kafka_bootstrap, kafka_topic=topic)
    assert stream.send(ticket("a", 7), 3, "call-1") is Sent.DELIVERED
    [record] = written(kafka_bootstrap, topic)
    assert decode(record.value) == (ticket("a", 7), 3)
    assert record.key == b"a"
    assert record.headers == [("correlation_id", b"call-1")]


def test_a_person_stays_in_one_partition(streams: Callable[..., Stream], kafka_bootstrap: str, topic: str) -> None:
    """Records are spread by person, and one person's keep their order."""
    stream = streams(kafka_bootstrap=kafka_bootstrap, kafka_topic=topic)
    for number in range(1, 4):
        for person in "abcdefgh":
            assert stream.send(ticket(person, number), 0, "c") is Sent.DELIVERED
    records = written(kafka_bootstrap, topic)
    where = {person: {record.partition for record in records if record.key == person.encode()} for person in "abcdefgh"}
    assert all(len(partitions) == 1 for partitions in where.values()), where
    assert len(set.union(*where.values())) > 1, "the partitions share the load"
    order = [decode(record.value)[0].ticket for record in records if record.key == b"a"]
    assert order == [1, 2, 3]


def test_a_missing_topic_refuses_and_is_not_made(streams: Callable[..., Stream], kafka_bootstrap: str) -> None:
    """Only `ensure_topic` makes topics: a send to a missing one never left, within its bound."""
    missing = f"missing-{uuid.uuid4().hex}"
    stream = streams(kafka_bootstrap=kafka_bootstrap, kafka_topic=missing, kafka_max_block_ms=600)
    sent, took_ms = timed(lambda: stream.send(ticket(), 0, "c"))
    assert sent is Sent.REFUSED
    assert took_ms < 600 + SLACK_MS
    created = ensure_topic(Settings(kafka_bootstrap=kafka_bootstrap, kafka_topic=missing), 1, 1)
    assert created, "the send had not made it"


@pytest.mark.parametrize("security", ["PLAINTEXT", "SSL"])
@pytest.mark.parametrize("answering", [False, True], ids=["refuses connections", "accepts and is silent"])
def test_a_broker_that_is_away_refuses_within_the_bound(
    streams: Callable[..., Stream], deaf: socket.socket, security: str, *, answering: bool
) -> None:
    """Nothing was queued, so REFUSED is certain; it takes no longer than kafka_max_block_ms, the handshake included."""
    port = deaf.getsockname()[1]
    if not answering:
        deaf.close()
    stream = streams(kafka_bootstrap=f"127.0.0.1:{port}", kafka_max_block_ms=600, kafka_security=security)
    sent, took_ms = timed(lambda: stream.send(ticket(), 0, "c"))
    assert sent is Sent.REFUSED
    assert took_ms < 600 + SLACK_MS


def test_after_a_failure_the_next_sends_answer_at_once(
    streams: Callable[..., Stream], proxy: Proxy, topic: str, wait_until: Callable[..., None]
) -> None:
    """While Kafka is down an applicant waits for it once per breaker time; one probe then finds it back."""
    proxy.answers = False
    stream = streams(kafka_bootstrap=proxy.bootstrap, kafka_topic=topic, kafka_max_block_ms=400, kafka_breaker_ms=1_500)
    assert stream.send(ticket(), 0, "c") is Sent.REFUSED
    wait_until(lambda: proxy.open == 0, "the given up producer has closed its connections")
    before = proxy.accepted
    proxy.answers = True
    for _ in range(100):
        sent, took_ms = timed(lambda: stream.send(ticket(), 0, "c"))
        assert sent is Sent.REFUSED
        assert took_ms < SLACK_MS
    assert proxy.accepted == before, "without a single connection"
    wait_until(lambda: stream.send(ticket(), 0, "c") is Sent.DELIVERED, "the probe finds the broker back")


def test_a_lost_answer_is_unknown_and_the_record_may_be_there(
    streams: Callable[..., Stream], proxy: Proxy, kafka_bootstrap: str, topic: str
) -> None:
    """The broker has the record and nobody heard it say so: UNKNOWN, never REFUSED; repeated, and there once."""
    stream = streams(kafka_bootstrap=proxy.bootstrap, kafka_topic=topic)
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
    proxy.answers = False
    sent, took_ms = timed(lambda: stream.send(ticket("b"), 0, "c"))
    assert sent is Sent.UNKNOWN
    assert took_ms < Settings().kafka_delivery_timeout_ms + GRACE_MS + SLACK_MS
    keys = sorted(record.key for record in written(kafka_bootstrap, topic))
    assert keys == [b"a", b"b"]


def test_a_record_that_was_given_up_does_not_arrive_later(
    streams: Callable[..., Stream], proxy: Proxy, kafka_bootstrap: str, topic: str, wait_until: Callable[..., None]
) -> None:
    """What was UNKNOWN when its send ended is not sent by anybody afterwards, when the broker is back."""
    stream = streams(kafka_bootstrap=proxy.bootstrap, kafka_topic=topic, kafka_breaker_ms=0)
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
    proxy.requests = False
    assert stream.send(ticket("b"), 0, "c") is Sent.UNKNOWN
    proxy.requests = True
    wait_until(lambda: proxy.open == 0, "the given up producer has closed its connections")
    assert stream.send(ticket("c"), 0, "c") is Sent.DELIVERED
    keys = sorted(record.key for record in written(kafka_bootstrap, topic))
    assert keys == [b"a", b"c"]


def test_a_connection_that_died_while_frozen_costs_one_request(
    streams: Callable[..., Stream], proxy: Proxy, kafka_bootstrap: str, topic: str
) -> None:
    """A dead connection is found by the request timeout, and the record goes out once on a new one: DELIVERED."""
    stream = streams(kafka_bootstrap=proxy.bootstrap, kafka_topic=topic, kafka_request_timeout_ms=500)
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
    proxy.requests, proxy.heals = False, True
    sent, took_ms = timed(lambda: stream.send(ticket("b"), 0, "c"))
    assert sent is Sent.DELIVERED
    assert took_ms < 500 + SLACK_MS * 2
    keys = sorted(record.key for record in written(kafka_bootstrap, topic))
    assert keys == [b"a", b"b"], "once each"


def test_an_idle_connection_is_renewed_before_it_is_needed(
    streams: Callable[..., Stream], proxy: Proxy, topic: str, wait_until: Callable[..., None]
) -> None:
    """After kafka_idle_ms the producer closes its connection, and the next send makes another one."""
    stream = streams(kafka_bootstrap=proxy.bootstrap, kafka_topic=topic, kafka_idle_ms=300)
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
    wait_until(lambda: proxy.open == 0, "the idle connection is closed")
    sent, took_ms = timed(lambda: stream.send(ticket("b"), 0, "c"))
    assert sent is Sent.DELIVERED
    assert took_ms < SLACK_MS


def test_closing_waits_for_nothing(streams: Callable[..., Stream], kafka_bootstrap: str, topic: str) -> None:
    """Every send was awaited, so close is immediate; a stream that was closed serves again."""
    stream = streams(kafka_bootstrap=kafka_bootstrap, kafka_topic=topic)
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
    started = time.monotonic()
    stream.close()
    stream.close()
    assert (time.monotonic() - started) * 1000 < SLACK_MS
    assert stream.send(ticket("b"), 0, "c") is Sent.DELIVERED
