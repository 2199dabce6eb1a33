"""The producer's three outcomes, on a real broker behind a proxy that drops, swallows and forgets."""

from __future__ import annotations

import time
import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from firstcome.rules import Ticket
from firstcome.settings import Settings
from firstcome.stream import backoff as backoff_module
from firstcome.stream import brokers as brokers_module
from firstcome.stream import connection as connection_module
from firstcome.stream.producer import Sent, Stream
from firstcome.stream.record import decode
from firstcome.stream.topic import ensure_topic
from tests.patience import PATIENT
from tests.proxy import KafkaProxy
from tests.waits import watch

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

PARTITIONS = 3
# From a send to its verdict, where a test waits it out: a round trip on a connection that is there takes milliseconds.
DELIVERY = {"kafka_delivery_timeout_ms": 3_000, "kafka_request_timeout_ms": 1_000}


@pytest.fixture
def proxy(kafka_bootstrap: str) -> Iterator[KafkaProxy]:
    """A proxy before the broker."""
    with KafkaProxy.to(kafka_bootstrap) as proxy:
        yield proxy


@pytest.fixture
def topic(kafka_bootstrap: str) -> str:
    topic = f"test-{uuid.uuid4().hex}"
    ensure_topic(Settings(kafka_bootstrap=kafka_bootstrap, kafka_topic=topic, **PATIENT), PARTITIONS, 1)
    return topic


@pytest.fixture
def streams() -> Iterator[Callable[..., Stream]]:
    """Make a patient stream, but for these settings; closed after the test."""
    made: list[Stream] = []

    def make(**settings: Any) -> Stream:
        made.append(Stream(Settings(**PATIENT | settings)))
        return made[-1]

    yield make
    for stream in made:
        stream.close()


def ticket(user_id: str = "u", number: int = 1) -> Ticket:
    return Ticket("E", user_id, number, 1_893_553_445_678)


def written(bootstrap: str, topic: str) -> list[Any]:
    """Return everything that stands in the topic."""
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
    order = [decode(record.value)[0].number for record in records if record.key == b"a"]
    assert order == [1, 2, 3]


def test_a_missing_topic_refuses_and_is_not_made(
    streams: Callable[..., Stream], kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only `ensure_topic` makes topics: a send to a missing one never left, and waits no longer than its bound."""
    missing = f"missing-{uuid.uuid4().hex}"
    stream = streams(kafka_bootstrap=kafka_bootstrap, kafka_topic=missing, kafka_max_block_ms=600)
    waits = watch(monkeypatch)
    assert stream.send(ticket(), 0, "c") is Sent.REFUSED
    assert 0 < waits.deadline_s <= 0.6
    created = ensure_topic(Settings(kafka_bootstrap=kafka_bootstrap, kafka_topic=missing, **PATIENT), 1, 1)
    assert created, "the send had not made it"


@pytest.mark.parametrize("security", ["PLAINTEXT", "SSL"])
@pytest.mark.parametrize("answering", [False, True], ids=["refuses connections", "accepts and is silent"])
def test_a_broker_that_is_away_refuses_within_the_bound(
    streams: Callable[..., Stream],
    deaf: socket.socket,
    security: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    answering: bool,
) -> None:
    """Nothing was queued, so REFUSED is certain; it waits no longer than kafka_max_block_ms, the handshake included."""
    port = deaf.getsockname()[1]
    if not answering:
        deaf.close()
    stream = streams(kafka_bootstrap=f"127.0.0.1:{port}", kafka_max_block_ms=600, kafka_security=security)
    waits = watch(monkeypatch)
    assert stream.send(ticket(), 0, "c") is Sent.REFUSED
    assert 0 < waits.in_vain_s <= 0.6


def test_after_a_failure_the_next_sends_answer_at_once(
    streams: Callable[..., Stream],
    proxy: KafkaProxy,
    topic: str,
    wait_until: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While Kafka is down an applicant waits for it once per breaker time; one probe then finds it back."""
    clock = SimpleNamespace(now_s=1_000.0)
    clock.monotonic = lambda: clock.now_s
    monkeypatch.setattr(backoff_module, "time", clock)
    proxy.drop()
    stream = streams(kafka_bootstrap=proxy.address, kafka_topic=topic, kafka_max_block_ms=400, kafka_breaker_ms=1_500)
    assert stream.send(ticket(), 0, "c") is Sent.REFUSED
    wait_until(lambda: proxy.open == 0, "the given up producer has closed its connections")
    before = proxy.accepted
    proxy.start()
    with monkeypatch.context() as watching:
        waits = watch(watching)
        for _ in range(100):
            clock.now_s += 0.0149
            assert stream.send(ticket(), 0, "c") is Sent.REFUSED
    assert not waits.asked
    assert proxy.accepted == before, "without a single connection"

    def probed() -> bool:
        clock.now_s += 1.5
        return stream.send(ticket(), 0, "c") is Sent.DELIVERED

    wait_until(probed, "the probe finds the broker back")


def test_a_lost_answer_is_unknown_and_the_record_may_be_there(
    streams: Callable[..., Stream],
    proxy: KafkaProxy,
    kafka_bootstrap: str,
    topic: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The broker has the record and nobody heard it say so: UNKNOWN, never REFUSED; it may be there twice."""
    stream = streams(kafka_bootstrap=proxy.address, kafka_topic=topic, **DELIVERY)
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
    proxy.swallow()
    waits = watch(monkeypatch)
    assert stream.send(ticket("b"), 0, "c") is Sent.UNKNOWN
    assert waits.in_vain_s <= DELIVERY["kafka_delivery_timeout_ms"] / 1000
    records = written(kafka_bootstrap, topic)
    assert {record.key for record in records} == {b"a", b"b"}
    assert len({record.value for record in records}) == 2, "each try carries the same ticket: the ledger takes it once"


def test_a_record_that_was_given_up_does_not_arrive_later(
    streams: Callable[..., Stream], proxy: KafkaProxy, kafka_bootstrap: str, topic: str, wait_until: Callable[..., None]
) -> None:
    """What was UNKNOWN when its send ended is not sent by anybody afterwards, when the broker is back."""
    stream = streams(kafka_bootstrap=proxy.address, kafka_topic=topic, kafka_breaker_ms=0, **DELIVERY)
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
    proxy.drop()
    assert stream.send(ticket("b"), 0, "c") is Sent.UNKNOWN
    proxy.start()
    wait_until(lambda: proxy.open == 0, "the given up producer has closed its connections")
    assert stream.send(ticket("c"), 0, "c") is Sent.DELIVERED
    keys = sorted(record.key for record in written(kafka_bootstrap, topic))
    assert keys == [b"a", b"c"]


def test_a_connection_that_died_while_frozen_costs_one_request(
    streams: Callable[..., Stream], proxy: KafkaProxy, kafka_bootstrap: str, topic: str
) -> None:
    """A dead connection is found by the request timeout, and the record goes out once on a new one: DELIVERED."""
    stream = streams(kafka_bootstrap=proxy.address, kafka_topic=topic, kafka_request_timeout_ms=500)
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
    before = proxy.accepted
    proxy.forget()
    assert stream.send(ticket("b"), 0, "c") is Sent.DELIVERED
    assert proxy.accepted > before, "on a new connection, long before the delivery was given up"
    keys = sorted(record.key for record in written(kafka_bootstrap, topic))
    assert keys == [b"a", b"b"], "once each"


def test_an_idle_connection_is_renewed_before_it_is_needed(
    streams: Callable[..., Stream], proxy: KafkaProxy, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A send after kafka_idle_ms makes a new connection and asks nothing of the old one, which a freeze may have cost.

    The old one is closed, and a send before that time keeps it.
    """
    stream = streams(kafka_bootstrap=proxy.address, kafka_topic=topic, kafka_idle_ms=60_000)
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
    before = proxy.accepted
    assert stream.send(ticket("b"), 0, "c") is Sent.DELIVERED
    assert proxy.accepted == before
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 61)
    with monkeypatch.context() as clock:
        clock.setattr(connection_module, "time", later)
        clock.setattr(brokers_module, "time", SimpleNamespace(monotonic=later.monotonic, sleep=time.sleep))
        proxy.forget()
        waits = watch(clock)
        assert stream.send(ticket("c"), 0, "c") is Sent.DELIVERED
    assert not waits.in_vain_s, "no timeout has found it"
    assert proxy.accepted > before


def test_closing_waits_for_nothing(
    streams: Callable[..., Stream], kafka_bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every send was awaited, so close is immediate; a stream that was closed serves again."""
    stream = streams(kafka_bootstrap=kafka_bootstrap, kafka_topic=topic)
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
    with monkeypatch.context() as watching:
        waits = watch(watching)
        stream.close()
        stream.close()
    assert not any(waits.asked)
    assert stream.send(ticket("b"), 0, "c") is Sent.DELIVERED
