"""What brokers say and do to the producer: they move, refuse, hang up, throttle, and are several."""

from __future__ import annotations

import struct
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from dev.recipes import free_port
from firstcome.settings import Settings
from firstcome.stream.brokers import PAUSE_S
from firstcome.stream.producer import Sent, Stream
from firstcome.stream.topic import ensure_topic
from tests.integration.test_stream import streams, ticket, written
from tests.patience import PATIENT
from tests.proxy import KafkaProxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.proxy import Pair

__all__ = ["streams"]

WRITTEN, NOT_LEADER_OR_FOLLOWER, MESSAGE_TOO_LARGE, NOT_ENOUGH_REPLICAS = 0, 6, 10, 19


class Saying(KafkaProxy):
    """A proxy that puts an error, or a time to be quiet, into answers to produce requests; the record is written."""

    def __init__(self, upstream: Callable[[], tuple[str, int]]) -> None:
        super().__init__(upstream)
        self.errors: list[int] = []  # of the next answers
        self.throttle_ms = 0  # of all of them
        self.said: list[int] = []  # the error of each answer, 0 for none
        self.hangs_up = False  # in place of each answer to a record

    def answer(self, data: bytes, pair: Pair) -> bytes:
        """Change an answer to one of the producer's requests; each comes in one piece."""
        produced = struct.unpack_from(">i", data, 4)[0] in pair.produces
        changed = bytearray(super().answer(data, pair))
        if produced and self.hangs_up:
            self.cut()
            return b""
        if produced and changed:
            # Size, correlation id, tags, one topic, its name (whose length + 1 is one byte), one partition, its number.
            error_at = 9 + 1 + changed[10] + 1 + 4
            if self.errors:
                struct.pack_into(">h", changed, error_at, self.errors.pop())
            struct.pack_into(">i", changed, len(changed) - 5, self.throttle_ms)
            self.said += struct.unpack_from(">h", changed, error_at)
        return bytes(changed)


@pytest.fixture
def broker(kafka_bootstrap: str) -> Iterator[Saying]:
    """A proxy before the broker."""
    with Saying.to(kafka_bootstrap) as proxy:
        yield proxy


@pytest.fixture
def topic(kafka_bootstrap: str) -> str:
    return made(kafka_bootstrap)


def made(bootstrap: str, **configs: str) -> str:
    """Make a topic of these settings."""
    topic = f"test-{uuid.uuid4().hex}"
    dotted = {name.replace("_", "."): value for name, value in configs.items()}
    ensure_topic(Settings(kafka_bootstrap=bootstrap, kafka_topic=topic, **PATIENT), 3, 1, dotted)
    return topic


def test_a_dead_bootstrap_server_is_passed_over(
    streams: Callable[..., Stream], kafka_bootstrap: str, topic: str
) -> None:
    """Whichever is asked first: the others are asked in the same round, and nobody pauses."""
    dead = [f"127.0.0.1:{free_port()}" for _ in range(3)]
    for _ in range(4):
        stream = streams(kafka_bootstrap=",".join([*dead, kafka_bootstrap]), kafka_topic=topic)
        assert stream.send(ticket(), 0, "c") is Sent.DELIVERED


def test_a_leader_that_is_gone_is_looked_for(streams: Callable[..., Stream], broker: Saying, topic: str) -> None:
    """Its connections end and its port is closed: the record goes to the leader that the other server names."""
    with Saying.to("{}:{}".format(*broker.upstream())) as other:
        stream = streams(kafka_bootstrap=broker.address, kafka_topic=topic)
        assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
        stream._delivery._brokers._bootstrap = [("127.0.0.1", other.port)]
        broker.refuse()
        assert stream.send(ticket("b"), 0, "c") is Sent.DELIVERED
        assert other.said == [WRITTEN]


def test_a_broker_that_does_not_lead_is_asked_who_does(
    streams: Callable[..., Stream], broker: Saying, topic: str
) -> None:
    """It answers NOT_LEADER_OR_FOLLOWER; the same record follows the leader, within the same send."""
    stream = streams(kafka_bootstrap=broker.address, kafka_topic=topic)
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
    connections = broker.accepted
    broker.said, broker.errors = [], [NOT_LEADER_OR_FOLLOWER]
    assert stream.send(ticket("b"), 0, "c") is Sent.DELIVERED
    assert broker.said == [NOT_LEADER_OR_FOLLOWER, WRITTEN]
    assert broker.accepted == connections, "a broker that answers keeps its connection"


def test_a_record_follows_the_leader_to_another_broker(
    streams: Callable[..., Stream], broker: Saying, topic: str
) -> None:
    """The broker that led is there and says no, each time; metadata is asked anew, and names another."""
    with Saying.to("{}:{}".format(*broker.upstream())) as former:
        stream = streams(kafka_bootstrap=broker.address, kafka_topic=topic)
        assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
        brokers = stream._delivery._brokers
        brokers._leaders = [("127.0.0.1", former.port)] * len(brokers._leaders)
        former.errors = [NOT_LEADER_OR_FOLLOWER] * 1_000
        broker.said = []
        assert stream.send(ticket("b"), 0, "c") is Sent.DELIVERED
        assert (former.said, broker.said) == ([NOT_LEADER_OR_FOLLOWER], [WRITTEN])


def test_a_no_of_the_broker_is_unknown(
    streams: Callable[..., Stream], broker: Saying, kafka_bootstrap: str, topic: str
) -> None:
    """It is asked again until the time is up; then nobody knows: such a no may follow the writing, as it does here."""
    stream = streams(kafka_bootstrap=broker.address, kafka_topic=topic, kafka_delivery_timeout_ms=1_000)
    broker.errors = [NOT_ENOUGH_REPLICAS] * 1_000
    assert stream.send(ticket("a"), 0, "c") is Sent.UNKNOWN
    assert 1 < len(broker.said) <= 1 + 1 / PAUSE_S, "with a pause after each"
    assert {record.key for record in written(kafka_bootstrap, topic)} == {b"a"}


def test_a_no_that_stays_is_asked_for_once(
    streams: Callable[..., Stream], broker: Saying, kafka_bootstrap: str
) -> None:
    """A record that is too large for the topic today is too large for it a moment later."""
    topic = made(kafka_bootstrap, max_message_bytes="10")
    stream = streams(kafka_bootstrap=broker.address, kafka_topic=topic)
    assert stream.send(ticket("a"), 0, "c") is Sent.UNKNOWN
    assert broker.said.count(MESSAGE_TOO_LARGE) == 1


def test_a_connection_that_was_hung_up_is_not_written_to(
    streams: Callable[..., Stream], broker: Saying, topic: str, wait_until: Callable[..., None]
) -> None:
    """Brokers hang up while an environment is frozen. It is seen before the record leaves, so it costs no try."""
    stream = streams(kafka_bootstrap=broker.address, kafka_topic=topic, kafka_idle_ms=10**9)
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
    [connection] = stream._delivery._brokers._connections.values()
    assert connection.usable
    broker.cut()
    wait_until(lambda: not connection.usable, "the end of the connection has arrived")
    assert stream.send(ticket("b"), 0, "c") is Sent.DELIVERED
    assert connection not in stream._delivery._brokers._connections.values()


def test_a_broker_that_hangs_up_on_records_is_given_a_moment(
    streams: Callable[..., Stream], broker: Saying, topic: str
) -> None:
    """The first dead connection is replaced at once; a thousand environments must not connect as fast as they can."""
    stream = streams(kafka_bootstrap=broker.address, kafka_topic=topic, kafka_delivery_timeout_ms=1_000)
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
    connections, broker.hangs_up = broker.accepted, True
    assert stream.send(ticket("b"), 0, "c") is Sent.UNKNOWN
    assert 1 < broker.accepted - connections <= 2 + 1 / PAUSE_S


def test_a_throttled_producer_is_quiet_for_as_long(streams: Callable[..., Stream], broker: Saying, topic: str) -> None:
    """A broker reads nothing before that: the next record leaves afterwards, or is refused when that is too late."""
    stream = streams(kafka_bootstrap=broker.address, kafka_topic=topic, kafka_max_block_ms=10_000, kafka_breaker_ms=0)
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED, "the topic's leader is ready"
    broker.said, broker.throttle_ms = [], 300
    assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
    broker.throttle_ms = 60_000
    quiet_until = next(iter(stream._delivery._brokers._connections.values())).quiet_until
    assert stream.send(ticket("b"), 0, "c") is Sent.DELIVERED
    assert time.monotonic() >= quiet_until
    assert stream.send(ticket("c"), 0, "c") is Sent.REFUSED
    assert broker.said == [WRITTEN, WRITTEN]


def test_each_leader_keeps_its_connection(streams: Callable[..., Stream], broker: Saying, topic: str) -> None:
    """Where two brokers share the partitions, a person's record goes to theirs, and neither is connected to twice."""
    with Saying.to("{}:{}".format(*broker.upstream())) as other:
        stream = streams(kafka_bootstrap=broker.address, kafka_topic=topic)
        assert stream.send(ticket("a"), 0, "c") is Sent.DELIVERED
        leaders = stream._delivery._brokers._leaders
        leaders[1] = ("127.0.0.1", other.port)
        broker.said = []
        for person in "abcdefgh" * 2:
            assert stream.send(ticket(person), 0, "c") is Sent.DELIVERED
        assert broker.said.count(WRITTEN) + other.said.count(WRITTEN) == 16
        assert broker.said, "both have some"
        assert other.said, "both have some"
        assert (broker.accepted, other.accepted) == (1, 1)


def test_one_connection_serves_bootstrap_and_leader(streams: Callable[..., Stream], broker: Saying, topic: str) -> None:
    """Where the first server that is asked leads the partition, a cold winner waits for one handshake, not two."""
    stream = streams(kafka_bootstrap=broker.address, kafka_topic=topic)
    for person in "abcdef":
        assert stream.send(ticket(person), 0, "c") is Sent.DELIVERED
    assert broker.accepted == 1
